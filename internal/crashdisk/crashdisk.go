// Package crashdisk is a disk for SQLite that loses power: whatever was written and
// not synced may be gone afterwards, whole or in part, and single operations can be
// made to fail. It is for tests of what a crash leaves behind.
//
// Beneath it is SQLite's own code for files, so locks and shared memory are real.
// Only the syncs are not: they tell what would have survived, and cost no time.
package crashdisk

// #include <stdlib.h>
// #include "disk.h"
import "C"

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"sync"
	"unsafe"

	sqlite3 "github.com/mattn/go-sqlite3"
)

// The names of the database/sql drivers whose files are on a Disk.
const (
	Driver = "crashdisk"
	// Unsynced is a driver that does not sync what it commits. A test that does not
	// notice the difference is no good.
	Unsynced = "crashdisk-unsynced"
)

// install makes SQLite and database/sql know of the disks, once in a process.
var install = sync.OnceValue(func() error {
	if code := C.crashdisk_install(); code != 0 {
		return fmt.Errorf("crashdisk: SQLite has not taken the VFS: code %d", int(code))
	}
	sql.Register(Driver, &onDisk{})
	sql.Register(Unsynced, &onDisk{unsynced: true})
	return nil
})

// onDisk opens databases that lie on a Disk.
type onDisk struct {
	sqlite3.SQLiteDriver
	unsynced bool
}

// Open implements driver.Driver. The name is a file: URI with parameters.
func (d *onDisk) Open(name string) (driver.Conn, error) {
	if d.unsynced {
		name = strings.Replace(name, "_synchronous=FULL", "_synchronous=OFF", 1)
	}
	return d.SQLiteDriver.Open(name + "&vfs=crashdisk")
}

// A Disk holds the SQLite files beneath one folder.
type Disk struct{ c *C.crashdisk }

// New makes a disk of a folder, given by its full path. Close must be called.
func New(folder string) (*Disk, error) {
	if err := install(); err != nil {
		return nil, err
	}
	path := C.CString(folder)
	defer C.free(unsafe.Pointer(path))
	return &Disk{c: C.crashdisk_new(path)}, nil
}

// Close forgets the disk. No file on it may be open any more.
func (d *Disk) Close() { C.crashdisk_free(d.c) }

// FailAt lets the n-th operation from now that changes the disk fail, once: a
// write, a truncation, a sync or a removal. 0 lets none fail.
func (d *Disk) FailAt(n int) { C.crashdisk_fail_at(d.c, C.long(n)) }

// PowerOffAt lets the power go at the n-th operation from now that changes the disk.
func (d *Disk) PowerOffAt(n int) { C.crashdisk_crash_at(d.c, C.long(n)) }

// PowerOff lets the power go. From now on everything fails that changes the disk.
func (d *Disk) PowerOff() { C.crashdisk_power_off(d.c) }

// State tells what became of the disk so far.
type State struct {
	Off        bool
	Operations int // that changed the disk, or would have
	Failed     int // by FailAt
	Unsynced   int // changes a crash could undo now
}

// State tells what became of the disk so far.
func (d *Disk) State() State {
	var off C.int
	var operations, failed, unsynced C.long
	C.crashdisk_state(d.c, &off, &operations, &failed, &unsynced)
	return State{Off: off != 0, Operations: int(operations), Failed: int(failed), Unsynced: int(unsynced)}
}

// PowerOn brings the disk back: what was synced is there, and of what was not each
// change or not, as the seed has it; with seed 0 none. It gives the number of
// changes lost. No file on the disk may be open.
func (d *Disk) PowerOn(seed uint64) (lost int, err error) {
	var n C.long
	if C.crashdisk_power_on(d.c, C.uint64_t(seed), &n) != 0 {
		return 0, errors.New("crashdisk: the files could not be set back")
	}
	return int(n), nil
}
