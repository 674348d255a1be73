// Package devicelists asks other servers for the device lists of their users, where
// what they told of changes does not add up.
//
// https://spec.matrix.org/v1.15/server-server-api/#device-management
package devicelists

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"
	"github.com/sirupsen/logrus"

	"github.com/chappe-im/chappe/federationapi/remote"
	"github.com/chappe-im/chappe/todevice"
)

// Store keeps the lists, and which of them are stale.
type Store interface {
	StaleServers(context.Context) ([]spec.ServerName, error)
	// StaleUsers lists some of a server, in an order of their own, behind the named one.
	StaleUsers(ctx context.Context, server spec.ServerName, behind string) ([]todevice.StaleUser, error)
	SetRemoteDeviceList(context.Context, todevice.StaleUser, todevice.RemoteDeviceList) error
}

// An Asker asks a user's server for all of the user's devices.
type Asker interface {
	UserDevices(context.Context, todevice.UserID) (todevice.RemoteDeviceList, error)
}

const (
	// workers bounds the servers that are asked at once.
	workers = 8
	// turn is how long a worker stays with one server while others wait.
	turn = 5 * time.Second
	// maxBackoff is how long a server that failed is left alone at most.
	maxBackoff = time.Hour
)

// A Refresher asks for stale device lists until none is stale. A server that fails
// is left alone for longer and longer, and does not delay the others; that a list is
// stale outlasts a restart.
type Refresher struct {
	store  Store
	ask    Asker
	log    *logrus.Entry
	chance func() float64

	mu      sync.Mutex
	servers map[spec.ServerName]*server // that are not done with; guarded by mu
	waiting []*server                   // for a worker; guarded by mu
	running int                         // workers; guarded by mu
	// life is the context of Run, nil while it does not run. Guarded by mu.
	life context.Context
	work sync.WaitGroup
}

// A server is one whose users' lists are stale, or may be. Its fields are guarded by
// the refresher's lock.
type server struct {
	name     spec.ServerName
	state    state
	again    bool // marked anew while it is asked
	failures int
	timer    *time.Timer // ends the rest
	// last is the user who was asked for last: the next attempt goes on behind, so that one
	// whose list cannot be had is in nobody's way. It belongs to the worker.
	last string
}

type state int

const (
	waiting state = iota
	asked
	resting
)

// New makes a refresher. Chance gives numbers from 0 to 1 for its back-off, random
// ones if it is nil.
func New(store Store, ask Asker, chance func() float64, log *logrus.Entry) *Refresher {
	if chance == nil {
		chance = rand.Float64
	}
	return &Refresher{store: store, ask: ask, log: log, chance: chance, servers: make(map[spec.ServerName]*server)}
}

// Run refreshes what is stale, and what becomes so, until ctx ends.
func (r *Refresher) Run(ctx context.Context) error {
	r.mu.Lock()
	r.life = ctx // from here on no mark is missed
	r.mu.Unlock()
	defer r.end()
	stale, err := r.store.StaleServers(ctx)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("resume the refreshing of device lists: %w", err)
	}
	for _, name := range stale {
		r.Stale(name)
	}
	<-ctx.Done()
	return nil
}

// end ends all rests, and waits for the workers.
func (r *Refresher) end() {
	r.mu.Lock()
	r.life = nil
	for _, s := range r.servers {
		if s.timer != nil {
			s.timer.Stop()
		}
	}
	r.mu.Unlock()
	r.work.Wait()
}

// Stale says that device lists of users of a server were marked stale.
func (r *Refresher) Stale(name spec.ServerName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.life == nil {
		return // the mark lasts
	}
	switch s := r.servers[name]; {
	case s == nil:
		s = &server{name: name}
		r.servers[name] = s
		r.enqueue(s)
	case s.state == asked:
		s.again = true
	}
}

// PeerAlive says that a server was heard of, and ends its rest.
func (r *Refresher) PeerAlive(name spec.ServerName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.servers[name]
	if s == nil || s.state != resting || r.life == nil {
		return
	}
	if s.failures > 1 { // it answers nothing else so soon
		s.failures = 1
		s.timer.Stop()
		r.rest(s, remote.FirstRetry)
	}
}

// enqueue has a server wait for a worker, and starts one if there may be more. The
// caller holds mu.
func (r *Refresher) enqueue(s *server) {
	s.state = waiting
	r.waiting = append(r.waiting, s)
	if r.running < workers && r.life != nil {
		r.running++
		life := r.life
		r.work.Go(func() { r.serve(life) })
	}
}

// serve asks one server after another, until none waits.
func (r *Refresher) serve(ctx context.Context) {
	for s := r.next(); s != nil; s = r.next() {
		more, err := r.refresh(ctx, s)
		r.done(s, more, err)
	}
}

func (r *Refresher) next() *server {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.waiting) == 0 || r.life == nil {
		r.running--
		return nil
	}
	s := r.waiting[0]
	r.waiting = r.waiting[1:]
	s.state, s.again = asked, false
	return s
}

// done decides what becomes of a server after it was asked.
func (r *Refresher) done(s *server, more bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.life == nil:
	case err != nil:
		s.failures++
		wait := remote.Backoff(s.failures, err, maxBackoff, r.chance())
		r.log.WithError(err).WithFields(logrus.Fields{"server": string(s.name), "retry_in": wait.Round(time.Millisecond).String()}).
			Info("device lists not refreshed")
		r.rest(s, wait)
	case more, s.again:
		s.failures = 0
		r.enqueue(s)
	default:
		delete(r.servers, s.name)
	}
}

// rest leaves a server alone for a while. The caller holds mu.
func (r *Refresher) rest(s *server, wait time.Duration) {
	s.state = resting
	s.timer = time.AfterFunc(wait, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if s.state == resting && r.life != nil {
			r.enqueue(s)
		}
	})
}

// refresh asks a server for the lists of its users that are stale, one by one. more tells
// that its turn is over, and there may be others.
func (r *Refresher) refresh(ctx context.Context, s *server) (more bool, err error) {
	for begun := time.Now(); ; {
		users, err := r.store.StaleUsers(ctx, s.name, s.last)
		if err == nil && len(users) == 0 && s.last != "" { // from the beginning
			s.last = ""
			users, err = r.store.StaleUsers(ctx, s.name, s.last)
		}
		if err != nil || len(users) == 0 {
			return false, err
		}
		for _, stale := range users {
			if time.Since(begun) > turn {
				return true, nil
			}
			s.last = stale.User.String()
			list, err := r.ask.UserDevices(ctx, stale.User)
			if gone(err) {
				list, err = todevice.RemoteDeviceList{}, nil
			}
			if err == nil {
				err = r.store.SetRemoteDeviceList(ctx, stale, list)
			}
			if err != nil {
				return false, err
			}
		}
	}
}

// gone tells whether a server says that it has no such user.
func gone(err error) bool {
	var refused *remote.Refusal
	return errors.As(err, &refused) && refused.Status == http.StatusNotFound && refused.ErrCode == "M_NOT_FOUND"
}
