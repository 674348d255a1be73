package signing

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"
)

func TestRotationKeepsWhatOthersNeedAndNothingElse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "signing.key")
	began := time.UnixMilli(1_700_000_000_000)
	var used []Key
	first, err := LoadOrCreate(path)
	if err != nil {
		t.Fatal(err)
	}
	used = append(used, first)
	for n := range 3 {
		key, err := Rotate(path, began.Add(time.Duration(n)*time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		loaded, err := LoadOrCreate(path)
		if err != nil || loaded.ID != key.ID || !loaded.Private.Equal(key.Private) {
			t.Fatalf("the file has %v, %v; want %v", loaded, err, key)
		}
		used = append(used, key)
	}
	old, err := LoadOld(path, used[3])
	if err != nil || len(old) != 3 {
		t.Fatalf("old keys %v, %v; want 3", old, err)
	}
	for i, o := range old { // the latest first
		was := used[2-i]
		if o.ID != was.ID || !o.Public.Equal(was.Public()) || !o.Expired.Equal(began.Add(time.Duration(2-i)*time.Hour)) {
			t.Errorf("old key %d is %+v, want that of %v", i, o, was)
		}
	}
	for _, was := range used[:3] {
		for _, name := range []string{"signing.key", oldKeysFile} {
			content, err := os.ReadFile(filepath.Join(filepath.Dir(path), name))
			if err != nil || strings.Contains(string(content), spec.Base64Bytes(was.Private.Seed()).Encode()) {
				t.Errorf("%s holds the private half of %v, or %v", name, was, err)
			}
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
}

func TestRotationBrokenOffLeavesAKeyInOneMap(t *testing.T) {
	path := filepath.Join(t.TempDir(), "signing.key")
	key, err := LoadOrCreate(path)
	if err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Rotate(path, time.UnixMilli(1)); err != nil {
		t.Fatal(err)
	}
	// As if it had ended between the writing of the old keys and of the new one.
	if err := os.WriteFile(path, before, 0o600); err != nil {
		t.Fatal(err)
	}
	loaded, err := LoadOrCreate(path)
	if err != nil || loaded.ID != key.ID {
		t.Fatalf("the server starts with %v, %v; want %v", loaded, err, key)
	}
	if old, err := LoadOld(path, loaded); err != nil || len(old) != 0 {
		t.Errorf("old keys %v, %v; want none, as the key is in use", old, err)
	}
	next, err := Rotate(path, time.UnixMilli(2))
	if err != nil {
		t.Fatal(err)
	}
	old, err := LoadOld(path, next)
	if err != nil || len(old) != 1 || old[0].ID != key.ID || !old[0].Expired.Equal(time.UnixMilli(2)) {
		t.Errorf("after the next rotation: %v, %v; want %v, replaced at 2", old, err, key)
	}
}

func TestRotationNeedsAKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "signing.key")
	if _, err := Rotate(path, time.UnixMilli(1)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want that there is none", err)
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 0 {
		t.Errorf("left behind %v, %v", entries, err)
	}
}

func TestSecondRotationAtOnceIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "signing.key")
	key, err := LoadOrCreate(path)
	if err != nil {
		t.Fatal(err)
	}
	first, err := os.Open(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(first.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if _, err := Rotate(path, time.UnixMilli(1)); err == nil {
		t.Error("rotated while another rotation holds the folder")
	}
	if loaded, err := Load(path); err != nil || loaded.ID != key.ID {
		t.Errorf("the key became %v, %v", loaded, err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Rotate(path, time.UnixMilli(1)); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestSpoiledOldKeysAreNotPassedOver(t *testing.T) {
	const public = "YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1"
	for _, content := range []string{
		``, `[]`, `null`, `{"ed25519:a":{}}`, `{"ed25519:a":{"key":"` + public + `"}}`, `{"ed25519:a":{"expired_ts":1}}`,
		`{"ed25519:a":{"key":"AAAA","expired_ts":1}}`, `{"rsa:a":{"key":"` + public + `","expired_ts":1}}`,
		`{"ed25519:a:b":{"key":"` + public + `","expired_ts":1}}`, `{"ed25519:a":{"key":"` + public + `","expired":1}}`,
	} {
		path := filepath.Join(t.TempDir(), "signing.key")
		key, err := LoadOrCreate(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(oldKeysPath(path), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if old, err := LoadOld(path, key); err == nil {
			t.Errorf("%s is read as %v", content, old)
		}
		if _, err := Rotate(path, time.UnixMilli(1)); err == nil {
			t.Errorf("%s is overwritten", content)
		}
		if again, err := LoadOrCreate(path); err != nil || again.ID != key.ID {
			t.Errorf("%s: the key became %v, %v", content, again, err)
		}
	}
}
