package signing

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSigningKeyOutlivesTheProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "signing.key")
	made, err := LoadOrCreate(path)
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := LoadOrCreate(path)
	if err != nil || loaded.ID != made.ID || !loaded.Private.Equal(made.Private) {
		t.Errorf("loaded %v, %v; want %v", loaded, err, made)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("file mode %v, %v; want 0600", info.Mode(), err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("the folder holds %v, %v; want the key alone", entries, err)
	}
	other, err := LoadOrCreate(filepath.Join(t.TempDir(), "signing.key"))
	if err != nil || other.Private.Equal(made.Private) {
		t.Errorf("a second key equals the first, %v", err)
	}
}

func TestSigningKeyMayComeFromSynapse(t *testing.T) {
	const seed = "YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1"
	for _, c := range []struct {
		name, content, id string
	}{
		{"as written there", "ed25519 a_AbCd " + seed + "\n", "ed25519:a_AbCd"},
		{"padded", "ed25519 auto " + seed + "=", "ed25519:auto"},
		{"two keys", "ed25519 a " + seed + "\ned25519 b " + seed + "\n", ""},
		{"empty", "", ""},
		{"another Algorithm", "rsa a " + seed, ""},
		{"bad version", "ed25519 a:b " + seed, ""},
		{"short seed", "ed25519 a " + seed[:40], ""},
		{"no base64", "ed25519 a " + strings.Repeat("*", 43), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "key")
			if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
				t.Fatal(err)
			}
			key, err := LoadOrCreate(path)
			if (err == nil) != (c.id != "") || string(key.ID) != c.id {
				t.Fatalf("got %v, %v; want %q", key, err, c.id)
			}
			if err != nil && strings.Contains(err.Error(), seed[:8]) {
				t.Errorf("the error holds the seed: %v", err)
			}
			left, err := os.ReadFile(path)
			if err != nil || string(left) != c.content {
				t.Errorf("the file was changed to %q, %v", left, err)
			}
		})
	}
}

func TestSigningKeyIsNotPrinted(t *testing.T) {
	_, key := loadVectors(t)
	for _, format := range []string{"%v", "%+v", "%s"} {
		if got := fmt.Sprintf(format, key); got != "ed25519:1" {
			t.Errorf("%s prints %s", format, got)
		}
	}
}
