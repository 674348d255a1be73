// Package syncapi is the door through which a device gets its messages: GET /sync
// with its tokens and long polls.
//
// A response hands messages out; only the next request, by its since, confirms
// them. Until then every sync of the device returns them, in the same order. With
// them come the changes of device lists, and what is left of the device's keys.
package syncapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/gorilla/mux"
	"github.com/sirupsen/logrus"

	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/todevice"
)

// Store is what /sync needs of storage.
type Store interface {
	httpapi.Authenticator
	// Epoch names the database.
	Epoch() []byte
	// Head is the highest position given out.
	Head() todevice.Position
	Pending(ctx context.Context, inbox todevice.InboxID, after todevice.Position) (events []todevice.Event, more bool, err error)
	Confirm(ctx context.Context, inbox todevice.InboxID, upTo todevice.Position) (confirmed int, err error)
	// News gives what a user's devices hear besides messages after a position.
	News(ctx context.Context, localpart string, after todevice.Position) (todevice.News, error)
	KeyCounts(context.Context, todevice.InboxID) (todevice.KeyCounts, error)
	Filter(ctx context.Context, localpart, id string) (json.RawMessage, error)
	SetPresence(ctx context.Context, localpart string, state todevice.PresenceState, statusMsg *string) error
	DeviceExists(ctx context.Context, inbox todevice.InboxID) (bool, error)
	// NoteSeen remembers that a device was there just now, at an IP address.
	NoteSeen(inbox todevice.InboxID, addr string)
}

// Notifier tells when there may be something new, and hears what was confirmed.
type Notifier interface {
	Wait(todevice.Device) (woken <-chan struct{}, leave func())
	Saw(todevice.Device)
	// SaidPresence notes how present a device says the user is, and tells whether it did
	// not say so before.
	SaidPresence(todevice.InboxID, todevice.PresenceState) bool
	Confirmed(inbox todevice.InboxID, upTo todevice.Position)
}

// A Server answers GET /sync.
type Server struct {
	store    Store
	notifier Notifier
	epoch    []byte
	log      *logrus.Entry
}

// New makes the sync door.
func New(store Store, notifier Notifier, log *logrus.Entry) *Server {
	return &Server{store: store, notifier: notifier, epoch: store.Epoch(), log: log}
}

// Routes adds the endpoints in the versions clients ask for. Neither is ever rate
// limited: a client that is told to come back later would lose its place in time.
func (s *Server) Routes(r *mux.Router) {
	for _, version := range []string{"v3", "r0"} {
		r.Handle("/_matrix/client/"+version+"/sync", httpapi.Authed(s.log, s.store, readRequest, s.sync)).
			Methods(http.MethodGet)
		r.Handle("/_matrix/client/"+version+"/keys/changes", httpapi.Authed(s.log, s.store, readChanges, s.changes)).
			Methods(http.MethodGet)
	}
}

// sync confirms what since says the device has, and answers with what waits
// behind it; where nothing does, it waits for something until the timeout.
//
// GET /_matrix/client/v3/sync
// https://spec.matrix.org/v1.15/client-server-api/#get_matrixclientv3sync
func (s *Server) sync(ctx context.Context, device todevice.Device, q request) (json.RawMessage, error) {
	s.notifier.Saw(device)
	s.store.NoteSeen(device.Inbox, q.from)
	filter, err := s.findFilter(ctx, device, q.filter)
	if err != nil {
		return nil, err
	}
	if err := s.notePresence(ctx, device, q.presence); err != nil {
		return nil, err
	}
	since, ours, err := s.confirm(ctx, device.Inbox, q.since)
	if err != nil {
		return nil, err
	}
	wait := q.timeout
	if !ours || q.fullState {
		// An initial sync answers at once. So does one with a token that means nothing
		// here: it gets a good one.
		wait = 0
	}
	found, err := s.await(ctx, poll{device, filter, since}, wait)
	if err != nil {
		return nil, err
	}
	return response(found.next(since), device.User, q.since != nil, found), nil
}

// notePresence keeps what the client says of the user, if it says something else
// than before: two clients that differ would otherwise wake each other for ever.
func (s *Server) notePresence(ctx context.Context, device todevice.Device, state todevice.PresenceState) error {
	if state == "" || !s.notifier.SaidPresence(device.Inbox, state) {
		return nil
	}
	if err := s.store.SetPresence(ctx, device.User.Localpart, state, nil); err != nil {
		s.notifier.SaidPresence(device.Inbox, "") // the next sync says it again
		return fmt.Errorf("sync: %w", err)
	}
	return nil
}

// confirm removes what since confirms. It gives the token to go on from, and
// whether since was one of this device and this database, not from the future:
// any other confirms nothing, and everything unconfirmed is given again.
func (s *Server) confirm(ctx context.Context, inbox todevice.InboxID, since *token) (from token, ours bool, err error) {
	from, ours = s.trusted(inbox, since)
	if !ours {
		return from, false, nil
	}
	confirmed, err := s.store.Confirm(ctx, inbox, from.inbox)
	if err != nil {
		return token{}, false, fmt.Errorf("sync: %w", err)
	}
	if confirmed > 0 {
		s.notifier.Confirmed(inbox, from.inbox)
	}
	return from, true, nil
}

// trusted gives a token whose positions mean something for a device: the one that was
// sent, if it is ours, or else the one from before everything.
func (s *Server) trusted(inbox todevice.InboxID, sent *token) (_ token, ours bool) {
	epoch := epochOf(s.epoch, inbox)
	if head := s.store.Head(); sent == nil || sent.epoch != epoch || sent.inbox > head || sent.changes > head {
		return token{epoch: epoch}, false
	}
	return *sent, true
}

// A finding is what one look has found behind a token. Messages are read first: what
// is told with a message is never older than the message.
type finding struct {
	events []todevice.Event
	news   todevice.News
	keys   todevice.KeyCounts
}

// next gives the token of a response. Its position among the messages is that of the
// last one given out, and never "now".
func (f finding) next(since token) token {
	if len(f.events) > 0 {
		since.inbox = f.events[len(f.events)-1].Position
	}
	since.changes = f.news.UpTo
	return since
}

// A poll is one request that looks, perhaps repeatedly, for what is behind since.
type poll struct {
	device todevice.Device
	filter filter
	since  token
}

// await gives what is behind a token, and waits for something if there is nothing,
// or for the keys of the device to become fewer. When the time is over it returns
// what there is to say then; also when ctx ends, because the client hung up or the
// server is stopping.
func (s *Server) await(ctx context.Context, p poll, wait time.Duration) (finding, error) {
	if wait == 0 {
		return s.look(ctx, p)
	}
	// Registered before the first look: what happens in between, a message or the end
	// of the device, is either seen by the look or announced by the signal.
	woken, leave := s.notifier.Wait(p.device)
	defer leave()
	first, err := s.look(ctx, p)
	if err != nil || !first.empty() {
		return first, err
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for found := first; ; {
		select {
		case <-woken:
		case <-timer.C:
			return found, nil
		case <-ctx.Done():
			return found, nil
		}
		p.since.changes = found.news.UpTo
		if found, err = s.look(ctx, p); err != nil || !found.empty() || !found.keys.Equal(first.keys) {
			return found, err
		}
	}
}

func (f finding) empty() bool { return len(f.events) == 0 && f.news.Empty() }

// look reads what is behind a token. A device that has been deleted, before it or
// while it waited, is told so instead.
func (s *Server) look(ctx context.Context, p poll) (found finding, err error) {
	// That more messages wait needs no mark: the next sync finds them and answers at
	// once.
	if found.events, _, err = s.store.Pending(ctx, p.device.Inbox, p.since.inbox); err == nil {
		found.news, err = s.store.News(ctx, p.device.User.Localpart, p.since.changes)
	}
	if err == nil {
		found.keys, err = s.store.KeyCounts(ctx, p.device.Inbox)
	}
	exists := false
	if err == nil {
		exists, err = s.store.DeviceExists(ctx, p.device.Inbox)
	}
	switch {
	case err != nil:
		return finding{}, fmt.Errorf("sync: %w", err)
	case !exists:
		return finding{}, httpapi.UnknownToken()
	}
	p.filter.apply(&found.news, p.device.User)
	return found, nil
}
