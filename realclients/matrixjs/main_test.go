package matrixjs_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/chappe-im/chappe/internal/testserver"
)

func TestMain(m *testing.M) { testserver.Main(m) }

// installed gives the path of a program that npm ci installs.
func installed(t *testing.T, program string) string {
	t.Helper()
	path := filepath.Join("node_modules", ".bin", program)
	if _, err := os.Stat(path); err != nil {
		without(t, "npm ci has not run here", err)
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
