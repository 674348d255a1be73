package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// askEvery is how often a server that starts is asked.
const askEvery = 2 * time.Millisecond

// startTimes are those from the start of the program to the first answers: to whom it
// need not know, and to a device.
type startTimes struct{ versions, sync time.Duration }

// startTimed starts a server on a file, cold with nothing of the file in memory. The
// device that syncs first is another each time.
func (b *bench) startTimed(ctx context.Context, s *specimen, cold bool) (times startTimes, p *process, err error) {
	if cold {
		if err := dropFromMemory(s.deployment.database()); err != nil {
			return times, nil, err
		}
	}
	first := s.populace.person(s.visitors[(len(s.cold)+len(s.warm))%len(s.visitors)])
	transport := newTransport()
	defer transport.CloseIdleConnections()
	session := newSession(transport, s.deployment.client, first)
	program, args := b.chappe(s.deployment, filepath.Base(s.deployment.dir))
	begin := time.Now()
	if p, err = launch("Chappe with the "+s.name+" file", s.deployment.client, program, args...); err != nil {
		return times, nil, err
	}
	times.versions, err = p.firstAnswer(ctx, begin, func() error {
		_, err := session.do(ctx, http.MethodGet, "/_matrix/client/versions", "", nil)
		return err
	})
	if err == nil {
		times.sync, err = p.firstAnswer(ctx, begin, func() error {
			_, err := session.sync(ctx, "", 0)
			return err
		})
	}
	if err != nil {
		return times, nil, errors.Join(err, p.stop())
	}
	b.say("  answers after %v, a device after %v (cold: %t)", times.versions, times.sync, cold)
	return times, p, nil
}

// firstAnswer asks until there is an answer, and gives the time since begin.
func (p *process) firstAnswer(ctx context.Context, begin time.Time, ask func() error) (time.Duration, error) {
	for {
		err := ask()
		after := time.Since(begin)
		switch {
		case err == nil:
			return after, nil
		case after > startTimeout:
			return 0, fmt.Errorf("%s: no answer within %v: %w", p.name, startTimeout, err)
		}
		select {
		case <-p.ended:
			return 0, fmt.Errorf("%s ended at once", p.name)
		default:
		}
		if err := pause(ctx, askEvery); err != nil {
			return 0, err
		}
	}
}

// dropFromMemory has the system forget what it keeps of a file that nobody has open and
// that is on the disk.
func dropFromMemory(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err = file.Sync(); err == nil {
		err = unix.Fadvise(int(file.Fd()), 0, 0, unix.FADV_DONTNEED)
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("drop the database from memory: %w", err)
	}
	return nil
}

// readFile has the system keep of a file what it has room for.
func readFile(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	_, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{file}, make([]byte, 1<<20))
	return errors.Join(err, file.Close())
}

// longest gives the longest of some times.
func longest(all []startTimes, which func(startTimes) time.Duration) (d time.Duration) {
	for _, times := range all {
		d = max(d, which(times))
	}
	return d
}
