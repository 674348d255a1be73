// Package programs finds and starts what real clients run in: Node and a browser.
package programs

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// Installed gives the path of a program that npm ci installs in the test's folder.
func Installed(t *testing.T, program string) string {
	t.Helper()
	path := filepath.Join("node_modules", ".bin", program)
	if _, err := os.Stat(path); err != nil {
		without(t, "npm ci has not run here", err)
	}
	return path
}

// Chromium gives the path of the browser.
func Chromium(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		without(t, "there is no chromium", err)
	}
	return path
}

// without ends a test that lacks a program. Where everything must run that is a
// failure.
func without(t *testing.T, what string, err error) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s: %v", what, err)
	}
	t.Skipf("not run, %s: %v", what, err)
}

// Open opens a page in a browser of its own, and gives what tells how that ended. It ends
// with ctx at the latest.
func Open(ctx context.Context, t *testing.T, chromium, page string, complaints io.Writer) <-chan error {
	t.Helper()
	browser := exec.CommandContext(ctx, chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--user-data-dir="+t.TempDir(), page)
	browser.Stderr = complaints
	browser.Cancel = func() error { return browser.Process.Signal(syscall.SIGTERM) }
	browser.WaitDelay = 10 * time.Second
	if err := browser.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- browser.Wait() }()
	return ended
}
