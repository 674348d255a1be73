package sqlite

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/chappe-im/chappe/todevice"
)

func backUp(t testing.TB, s *Store, localpart string, keys int) todevice.BackupVersion {
	t.Helper()
	ctx := context.Background()
	version, err := s.CreateBackup(ctx, localpart, todevice.Backup{Algorithm: "a", AuthData: []byte(`{}`)})
	if err != nil {
		t.Fatal(err)
	}
	var list []todevice.BackedUpKey
	for n := range keys {
		list = append(list, todevice.BackedUpKey{Room: "!r", Session: fmt.Sprint(n), Data: []byte(`{}`)})
	}
	if state, err := s.AddBackedUpKeys(ctx, localpart, version, list); err != nil || state.Keys != int64(keys) {
		t.Fatalf("%+v, %v", state, err)
	}
	return version
}

// change writes past what the store offers.
func change(t testing.TB, s *Store, query string) {
	t.Helper()
	if err := s.write(context.Background(), func(t *tx) error { _, err := t.exec(query); return err }); err != nil {
		t.Fatal(err)
	}
}

func TestDeletedBackupsAreRemovedSomeKeysAtATime(t *testing.T) {
	s := newStore(t)
	register(t, s, "alice", "A")
	ctx := context.Background()
	version := backUp(t, s, "alice", 2*sweepRows+1)
	backUp(t, s, "alice", 1)
	if err := s.DeleteBackup(ctx, "alice", version); err != nil {
		t.Fatal(err)
	}
	if keys, backups := rows(t, s, "backed_up_keys"), rows(t, s, "key_backups"); keys != 1 || backups != 1 {
		t.Errorf("%d keys in %d backups are left", keys, backups)
	}
}

func TestSweepRemovesWhatACrashLeftOfADeletedBackup(t *testing.T) {
	s := newStore(t)
	register(t, s, "alice", "A")
	backUp(t, s, "alice", sweepRows)
	change(t, s, `UPDATE key_backups SET deleted = 1`)
	if _, err := s.Backup(context.Background(), "alice", 0); !errors.Is(err, todevice.ErrUnknownBackup) {
		t.Errorf("the deleted backup is still there: %v", err)
	}
	removed, err := s.Sweep(context.Background(), time.Now())
	if keys, backups := rows(t, s, "backed_up_keys"), rows(t, s, "key_backups"); err != nil || removed != sweepRows || keys+backups != 0 {
		t.Errorf("%d removed, %v; %d keys in %d backups are left", removed, err, keys, backups)
	}
}

func TestBackupsGoWithTheirUser(t *testing.T) {
	s := newStore(t)
	register(t, s, "alice", "A")
	register(t, s, "bob", "B")
	backUp(t, s, "alice", 3)
	backUp(t, s, "bob", 1)
	change(t, s, `DELETE FROM users WHERE localpart = 'alice'`)
	if keys, backups := rows(t, s, "backed_up_keys"), rows(t, s, "key_backups"); keys != 1 || backups != 1 {
		t.Errorf("%d keys in %d backups are left", keys, backups)
	}
	if _, err := s.CreateBackup(context.Background(), "alice", todevice.Backup{}); !errors.Is(err, todevice.ErrUnknownUser) {
		t.Errorf("a backup for nobody: %v", err)
	}
}

// Count and bytes are kept beside the keys, and must not drift from them.
func TestBackupIsCountedAsItIs(t *testing.T) {
	s := newStore(t)
	register(t, s, "alice", "A")
	ctx := context.Background()
	version := backUp(t, s, "alice", 3)
	key := func(session, data string, index int64) []todevice.BackedUpKey {
		return []todevice.BackedUpKey{{Room: "!r", Session: session, FirstMessageIndex: index, Data: []byte(data)}}
	}
	check := func() {
		t.Helper()
		var held, counted backupSize
		err := s.readers.QueryRow(`SELECT keys, bytes, (SELECT count(*) FROM backed_up_keys), (SELECT coalesce(
			sum(100 + 2 * (length(room_id) + length(session_id)) + length(session_data)), 0) FROM backed_up_keys) FROM key_backups`).
			Scan(&counted.keys, &counted.bytes, &held.keys, &held.bytes)
		if err != nil || held != counted {
			t.Errorf("counted %+v, held %+v (%v)", counted, held, err)
		}
	}
	for _, keys := range [][]todevice.BackedUpKey{
		key("new", `{"long":"long"}`, 5), key("new", `{"longer":"longer"}`, 4), key("new", `{}`, 3), key("new", `{"worse":1}`, 9), nil,
	} {
		if _, err := s.AddBackedUpKeys(ctx, "alice", version, keys); err != nil {
			t.Fatal(err)
		}
		check()
	}
	for _, session := range []string{"1", "none", ""} {
		if _, err := s.DeleteBackedUpKeys(ctx, "alice", version, "!r", session); err != nil {
			t.Fatal(err)
		}
		check()
	}
	if n := rows(t, s, "backed_up_keys"); n != 0 {
		t.Errorf("%d keys are left", n)
	}
}

// Whatever write fails, an upload is there whole or not at all.
func TestUploadIntoABackupIsWholeOrNotAtAll(t *testing.T) {
	s, driver := newFaultyStore(t)
	register(t, s, "alice", "A")
	version := backUp(t, s, "alice", 0)
	keys := []todevice.BackedUpKey{{Room: "!r", Session: "1", Data: []byte(`{}`)}, {Room: "!r", Session: "2", Data: []byte(`{}`)}}
	for k := 1; ; k++ {
		driver.FailAt(k)
		_, err := s.AddBackedUpKeys(context.Background(), "alice", version, keys)
		failed := driver.Failed()
		driver.FailAt(0)
		b, readErr := s.Backup(context.Background(), "alice", version)
		if readErr != nil {
			t.Fatal(readErr)
		}
		want := int64(2)
		if failed {
			want = 0
		}
		if n := rows(t, s, "backed_up_keys"); (err != nil) != failed || b.Keys != want || n != int(want) {
			t.Fatalf("write %d: %v; %d keys counted, %d there", k, err, b.Keys, n)
		}
		if !failed {
			if k < 4 {
				t.Errorf("only %d writes could be made to fail", k-1)
			}
			return
		}
	}
}
