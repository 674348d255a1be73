package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// An hour is how things are at its end.
type hour struct {
	Number   int
	Elapsed  time.Duration // of real time, since the beginning
	Messages int64         // so far
	// File and WAL are the bytes of the files; Free is how many bytes of the former are
	// in use for nothing.
	File, WAL, Free int64
	Rows            map[string]int64 // by table; no table that is empty
	RSS, Heap       int64            // bytes of the process
	// Calm and Sweeping are the sends of the hour, by whether the store was being swept.
	Calm, Sweeping sendTimes
	Verdict        verdict // of the whole day, in its last hour
}

func (h hour) String() string {
	var rows []string
	for _, table := range slices.Sorted(maps.Keys(h.Rows)) {
		rows = append(rows, fmt.Sprintf("%s %d", table, h.Rows[table]))
	}
	return fmt.Sprintf("hour %d, %.0f s: %d messages; file %.1f MiB (free %.1f), WAL %.1f; RSS %.1f, heap %.1f; longest send %v, %v of %d while sweeping (%d over %v); rows: %s",
		h.Number, h.Elapsed.Seconds(), h.Messages, mib(h.File), mib(h.Free), mib(h.WAL),
		mib(h.RSS), mib(h.Heap), h.Calm.Longest.Round(time.Millisecond/10), h.Sweeping.Longest.Round(time.Millisecond/10),
		h.Sweeping.Sends, h.Sweeping.Over, maxStall, strings.Join(rows, ", "))
}

// look measures how things are, and begins a new hour of sends.
func (d *day) look(ctx context.Context, number int) (h hour, err error) {
	h = hour{Number: number, Elapsed: time.Since(d.begun), Messages: d.messages}
	for _, device := range d.devices {
		h.Calm, h.Sweeping = h.Calm.plus(device.calm), h.Sweeping.plus(device.sweeping)
		device.calm, device.sweeping = sendTimes{}, sendTimes{}
	}
	if h.File, err = fileSize(d.path); err != nil {
		return h, err
	}
	if h.WAL, err = fileSize(d.path + "-wal"); err != nil {
		return h, err
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	h.Heap = int64(memory.HeapInuse)
	status, err := os.ReadFile("/proc/self/status")
	if err == nil {
		h.RSS, err = parseStatus(status)
	}
	if err != nil {
		return h, fmt.Errorf("read the memory of this process: %w", err)
	}
	h.Rows, h.Free, err = count(ctx, d.path)
	return h, err
}

func fileSize(path string) (int64, error) {
	file, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return file.Size(), nil
}

// count gives the rows of all tables of a database that have any, and its free bytes.
func count(ctx context.Context, path string) (rows map[string]int64, free int64, err error) {
	db, err := sql.Open("sqlite3", "file:"+(&url.URL{Path: path}).EscapedPath()+"?mode=ro")
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var pages, size int64
	err = db.QueryRowContext(ctx, `SELECT freelist_count, page_size FROM pragma_freelist_count, pragma_page_size`).Scan(&pages, &size)
	if err != nil {
		return nil, 0, err
	}
	var tables string
	err = db.QueryRowContext(ctx, `SELECT group_concat(name) FROM sqlite_master WHERE type = 'table'`).Scan(&tables)
	if err != nil {
		return nil, 0, err
	}
	rows = make(map[string]int64)
	for table := range strings.SplitSeq(tables, ",") {
		var n int64
		if err := db.QueryRowContext(ctx, `SELECT count(*) FROM `+table).Scan(&n); err != nil {
			return nil, 0, err
		}
		if n > 0 {
			rows[table] = n
		}
	}
	return rows, pages * size, nil
}
