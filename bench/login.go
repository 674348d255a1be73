package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/sync/errgroup"

	"github.com/chappe-im/chappe/clientapi/passwords"
)

const (
	loginScenario = "login"
	loginPath     = "/_matrix/client/v3/login"
	whoamiPath    = "/_matrix/client/v3/account/whoami"
	password      = "correct horse battery staple"
)

// login measures logins with a password. Its floor is the comparing of passwords alone,
// in this program, on all processors: nobody can log in more users with this hash.
func (b *bench) login(ctx context.Context) error {
	digest := passwords.DigestOf(password)
	hash, err := passwords.New(0).Hash(ctx, digest)
	if err != nil {
		return err
	}
	cost, err := bcrypt.Cost([]byte(hash))
	if err != nil {
		return fmt.Errorf("read the cost of the hash: %w", err)
	}
	var c comparison[checked]
	if !b.chappeOnly {
		b.say("%s: %s", loginScenario, bcryptFloor)
		t, err := comparePasswords(ctx, hash, digest, b.measured/2)
		if err != nil {
			return err
		}
		c.floors = []floorRun[checked]{{bcryptFloor, checked{tally: t}}}
	}
	users := people("u", b.senders, aloneServer)
	for i := range users {
		users[i].passwordHash = hash
	}
	b.say("%s: Chappe", loginScenario)
	p, err := b.startAlone(ctx, loginScenario, users)
	if err != nil {
		return err
	}
	c.chappe, err = b.logIn(ctx, p, users)
	if err = errors.Join(err, p.stop()); err != nil {
		return fmt.Errorf("%s: %w", loginScenario, err)
	}
	b.report.judgeAlone(loginScenario, c.chappe.verdict)
	group := b.report.group(loginScenario, "%d at once, bcrypt at cost %d; the floor is bcrypt alone on %d cores, without a server",
		b.senders, cost, runtime.NumCPU())
	c.add(group, "logins/s", checked.requestsPerSecond)
	c.add(group, "server CPU per login, ms", checked.cpuPerRequest)
	group.addAlone("answer p50, ms", c.chappe.latency(50))
	group.addAlone("answer p99, ms", c.chappe.latency(99))
	return nil
}

// comparePasswords compares the same password again and again, one at a time on each
// processor.
func comparePasswords(ctx context.Context, hash string, digest passwords.Digest, measured time.Duration) (t tally, err error) {
	hasher := passwords.New(0)
	before, err := ownCPU()
	if err != nil {
		return t, err
	}
	begin := time.Now()
	compared := make([]int64, runtime.NumCPU())
	group, ctx := errgroup.WithContext(ctx)
	for i := range compared {
		group.Go(func() error {
			for ; time.Since(begin) < measured; compared[i]++ {
				if ok, err := hasher.Matches(ctx, hash, digest); !ok || err != nil {
					return errors.Join(errors.New("a password does not match its hash"), err)
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return t, err
	}
	t.elapsed = time.Since(begin)
	for _, n := range compared {
		t.requests += n
	}
	after, err := ownCPU()
	t.cpu = after - before
	return t, err
}

// ownCPU is the processor time this program has used.
func ownCPU() (time.Duration, error) {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0, fmt.Errorf("read the processor time: %w", err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano()), nil
}
