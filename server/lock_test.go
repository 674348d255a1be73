package server

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"

	"github.com/chappe-im/chappe/config"
)

// lockEnv has the test binary hold the lock of the folder it names, and do nothing.
const lockEnv = "CHAPPE_TEST_LOCK"

func TestMain(m *testing.M) {
	if folder := os.Getenv(lockEnv); folder != "" {
		if _, err := lockFolder(folder); err != nil {
			os.Exit(1)
		}
		_, _ = os.Stdout.WriteString("locked\n")
		_, _ = os.Stdin.Read(make([]byte, 1)) // until it is killed, or the tests are gone
		return
	}
	os.Exit(m.Run())
}

func TestSecondServerOnTheSameDataIsRefusedAndSaysWhatToDo(t *testing.T) {
	r := run(t, "")
	cfg := config.Default()
	cfg.ServerName, cfg.DataDir = "here.test", r.folder
	cfg.Client.Listen, cfg.Federation.Listen = "127.0.0.1:0", "127.0.0.1:0"
	log, _ := test.NewNullLogger()
	second, err := New(cfg, logrus.NewEntry(log))
	if err == nil {
		_ = second.close()
		t.Fatal("two servers run on one data folder")
	}
	for _, words := range []string{"another chappe server", "(process ", r.folder, "data_dir"} {
		if !strings.Contains(err.Error(), words) {
			t.Errorf("%q is not in: %v", words, err)
		}
	}
	if _, err := CreateUser(t.Context(), cfg, logrus.NewEntry(log), "beside", "a long password", false); err != nil {
		t.Errorf("a command beside the server: %v", err)
	}
	if token := r.register("alice"); token == "" {
		t.Error("the first server was disturbed")
	}
}

func TestServerThatIsKilledLeavesNoLock(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "data")
	other := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	other.Env = append(os.Environ(), lockEnv+"="+folder)
	in, inErr := other.StdinPipe()
	out, outErr := other.StdoutPipe()
	if err := errors.Join(inErr, outErr, other.Start()); err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if n, err := out.Read(make([]byte, 10)); err != nil {
		t.Fatalf("the other process: %d, %v", n, err)
	}
	if file, err := lockFolder(folder); err == nil {
		_ = file.Close()
		t.Fatal("two processes hold the lock")
	}
	if err := other.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = other.Wait() // it was killed
	file, err := lockFolder(folder)
	if err != nil {
		t.Fatalf("after kill -9: %v", err)
	}
	if err := file.Close(); err != nil {
		t.Error(err)
	}
}

func TestDataFolderIsFreeOnceTheServerHasStopped(t *testing.T) {
	cfg := config.Default()
	cfg.DataDir = t.TempDir()
	cfg.Client.Listen, cfg.Federation.Listen = "127.0.0.1:0", "127.0.0.1:0"
	log, _ := test.NewNullLogger()
	for range 3 {
		s, err := New(cfg, logrus.NewEntry(log))
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		stop()
		if err := s.Run(ctx); err != nil {
			t.Fatal(err)
		}
	}
}
