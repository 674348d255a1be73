package server

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"

	"github.com/chappe-im/chappe/config"
)

// socketFolder makes a folder with a path short enough for a socket.
func socketFolder(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "chappe")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	return folder
}

func TestControlSocketIsForItsOwnerAloneAndGoesWithTheServer(t *testing.T) {
	folder := socketFolder(t)
	path := filepath.Join(folder, controlFile)
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"}) // by a server that was killed
	if err != nil {
		t.Fatal(err)
	}
	left.SetUnlinkOnClose(false)
	if err := left.Close(); err != nil {
		t.Fatal(err)
	}
	t.Run("running", func(t *testing.T) {
		r := run(t, "", func(cfg *config.Config) { cfg.DataDir = folder })
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 || info.Mode()&os.ModeSocket == 0 {
			t.Errorf("the socket: %v, %v", info, err)
		}
		cfg := config.Config{DataDir: r.folder}
		for _, c := range []struct {
			request any
			path    string
			told    bool
		}{
			{retryRequest{"a.test"}, retryPath, true},
			{retryRequest{"no name"}, retryPath, false},
			{map[string]string{}, retryPath, false},
			{"nonsense", retryPath, false},
			{struct{}{}, reloadAppsPath, true},
			{retryRequest{"a.test"}, "/another", false},
			{map[string]string{"server": "a.test", "x": strings.Repeat("x", controlLimit)}, retryPath, false},
		} {
			if told, err := tell(t.Context(), cfg, c.path, c.request); told != c.told || (err == nil) != c.told {
				t.Errorf("%.50v: told %v, %v", c.request, told, err)
			}
		}
	})
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the socket is left: %v", err)
	}
	if told, err := tell(t.Context(), config.Config{DataDir: folder}, retryPath, retryRequest{"a.test"}); told || err != nil {
		t.Errorf("without a server: %v, %v", told, err)
	}
}

func TestSocketThatWasLeftOverTellsNobody(t *testing.T) {
	folder := socketFolder(t)
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(folder, controlFile), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	left.SetUnlinkOnClose(false)
	if err := left.Close(); err != nil {
		t.Fatal(err)
	}
	if told, err := tell(t.Context(), config.Config{DataDir: folder}, retryPath, retryRequest{"a.test"}); told || err != nil {
		t.Errorf("told %v, %v", told, err)
	}
}

func TestServerWhosePathIsTooLongForASocketRunsWithoutOne(t *testing.T) {
	cfg := config.Default()
	cfg.DataDir = filepath.Join(t.TempDir(), strings.Repeat("x", maxSocketPath))
	cfg.Client.Listen, cfg.Federation.Listen = "127.0.0.1:0", "127.0.0.1:0"
	log, hook := test.NewNullLogger()
	s, err := New(cfg, logrus.NewEntry(log))
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	said := false
	for _, entry := range hook.AllEntries() {
		said = said || strings.Contains(entry.Message, "too long for a control socket")
	}
	if !said {
		t.Error("nothing is said of it")
	}
	if told, err := tell(t.Context(), cfg, retryPath, retryRequest{"a.test"}); told || err != nil {
		t.Errorf("told %v, %v", told, err)
	}
}
