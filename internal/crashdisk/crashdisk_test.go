package crashdisk_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/chappe-im/chappe/internal/crashdisk"
)

// A machine is a database on a disk.
type machine struct {
	t      *testing.T
	disk   *crashdisk.Disk
	driver string
	path   string
	db     *sql.DB
}

func start(t *testing.T, driver string) *machine {
	t.Helper()
	folder := t.TempDir()
	disk, err := crashdisk.New(folder)
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{t: t, disk: disk, driver: driver, path: filepath.Join(folder, "test.db")}
	t.Cleanup(disk.Close)
	m.open()
	m.exec(`CREATE TABLE numbers (n INTEGER PRIMARY KEY, filler BLOB)`)
	t.Cleanup(func() { _ = m.db.Close() })
	return m
}

func (m *machine) open() {
	m.t.Helper()
	var err error
	if m.db, err = sql.Open(m.driver, "file:"+m.path+"?_journal_mode=WAL&_synchronous=FULL"); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) exec(query string, args ...any) {
	m.t.Helper()
	if _, err := m.db.Exec(query, args...); err != nil {
		m.t.Fatal(err)
	}
}

// insert commits numbers one by one until it is told no, and gives how many it was
// told yes for.
func (m *machine) insert(from, to int) (committed int) {
	for n := from; n <= to; n++ {
		if _, err := m.db.Exec(`INSERT INTO numbers VALUES (?, randomblob(700))`, n); err != nil {
			return n - from
		}
	}
	return to - from + 1
}

// numbers checks the file and gives how many numbers it holds, without a gap.
func (m *machine) numbers() (count int) {
	m.t.Helper()
	var check string
	var highest sql.NullInt64
	if err := m.db.QueryRow(`PRAGMA integrity_check`).Scan(&check); err != nil || check != "ok" {
		m.t.Fatalf("integrity: %s, %v", check, err)
	}
	if err := m.db.QueryRow(`SELECT count(*), max(n) FROM numbers`).Scan(&count, &highest); err != nil {
		m.t.Fatal(err)
	}
	if count > 0 && highest.Int64 != int64(count) {
		m.t.Fatalf("%d numbers up to %d", count, highest.Int64)
	}
	return count
}

// reboot gives the number of changes lost.
func (m *machine) reboot(seed uint64) int {
	m.t.Helper()
	_ = m.db.Close() // fails, as the disk is off
	lost, err := m.disk.PowerOn(seed)
	if err != nil {
		m.t.Fatal(err)
	}
	m.open()
	return lost
}

func TestWhatWasCommittedSurvivesPowerOffAtAnyOperation(t *testing.T) {
	for n := 1; n <= 60; n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			m := start(t, crashdisk.Driver)
			m.disk.PowerOffAt(n)
			committed := m.insert(1, 100)
			if !m.disk.State().Off || committed == 100 {
				t.Fatal("the power did not go")
			}
			m.reboot(uint64(n % 7))
			if got := m.numbers(); got != committed && got != committed+1 { // the last may have been synced unheard
				t.Errorf("%d committed, %d are there", committed, got)
			}
			if m.insert(m.numbers()+1, 20) == 0 {
				t.Error("the database cannot be written to any more")
			}
		})
	}
}

func TestWhatIsNotSyncedIsLost(t *testing.T) {
	m := start(t, crashdisk.Unsynced)
	if committed := m.insert(1, 50); committed != 50 {
		t.Fatalf("%d committed", committed)
	}
	m.disk.PowerOff()
	if lost := m.reboot(0); lost == 0 {
		t.Error("nothing was lost")
	}
	var count int
	if err := m.db.QueryRow(`SELECT count(*) FROM numbers`).Scan(&count); err == nil && count == 50 {
		t.Error("everything is there")
	}
}

func TestOperationFailsOnceAndTheRestGoesOn(t *testing.T) {
	m := start(t, crashdisk.Driver)
	for n := 1; n <= 10; n++ {
		m.disk.FailAt(n)
		at := m.numbers()
		if committed := m.insert(at+1, at+20); committed == 20 {
			t.Fatalf("operation %d did not fail", n)
		}
		m.disk.FailAt(0)
		if got := m.disk.State().Failed; got != n {
			t.Fatalf("%d operations failed, want %d", got, n)
		}
		at = m.numbers()
		if m.insert(at+1, at+5) != 5 {
			t.Fatalf("after operation %d failed nothing can be written", n)
		}
	}
}
