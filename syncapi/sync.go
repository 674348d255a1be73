// Package syncapi is the door through which a device gets its messages: GET /sync
// with its tokens and long polls.
//
// A response hands messages out; only the next request, by its since, confirms
// them. Until then every sync of the device returns them, in the same order.
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
	DeviceExists(ctx context.Context, inbox todevice.InboxID) (bool, error)
}

// Notifier tells when there may be something new, and hears what was confirmed.
type Notifier interface {
	Wait(todevice.InboxID) (woken <-chan struct{}, leave func())
	Saw(todevice.InboxID)
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

// Routes adds GET /sync in the versions clients ask for.
func (s *Server) Routes(r *mux.Router) {
	handler := httpapi.Authed(s.log, s.store, readRequest, s.sync)
	for _, version := range []string{"v3", "r0"} {
		r.Handle("/_matrix/client/"+version+"/sync", handler).Methods(http.MethodGet)
	}
}

// sync confirms what since says the device has, and answers with what waits
// behind it; where nothing does, it waits for something until the timeout.
func (s *Server) sync(ctx context.Context, device todevice.Device, q request) (json.RawMessage, error) {
	s.notifier.Saw(device.Inbox)
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
	events, err := s.await(ctx, device.Inbox, since.inbox, wait)
	if err != nil {
		return nil, err
	}
	if len(events) > 0 {
		since.inbox = events[len(events)-1].Position
	}
	return response(since, q.since != nil, events), nil
}

// confirm removes what since confirms. It gives the token to go on from, and
// whether since was one of this device and this database, not from the future:
// any other confirms nothing, and everything unconfirmed is given again.
func (s *Server) confirm(ctx context.Context, inbox todevice.InboxID, since *token) (from token, ours bool, err error) {
	from = token{epoch: epochOf(s.epoch, inbox)}
	if since == nil || since.epoch != from.epoch || since.inbox > s.store.Head() {
		return from, false, nil
	}
	confirmed, err := s.store.Confirm(ctx, inbox, since.inbox)
	if err != nil {
		return token{}, false, fmt.Errorf("sync: %w", err)
	}
	if confirmed > 0 {
		s.notifier.Confirmed(inbox, since.inbox)
	}
	return *since, true, nil
}

// await gives the messages behind a position, and waits for some if there are
// none. It returns none when the time is over, or when ctx ends: because the
// client hung up, or because the server is stopping.
func (s *Server) await(ctx context.Context, inbox todevice.InboxID, after todevice.Position, wait time.Duration) ([]todevice.Event, error) {
	if wait == 0 {
		return s.pending(ctx, inbox, after)
	}
	// Registered before the first look: what happens in between, a message or the end
	// of the device, is either seen by the look or announced by the signal.
	woken, leave := s.notifier.Wait(inbox)
	defer leave()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		if events, err := s.pending(ctx, inbox, after); err != nil || len(events) > 0 {
			return events, err
		}
		if exists, err := s.store.DeviceExists(ctx, inbox); err != nil {
			return nil, fmt.Errorf("sync: %w", err)
		} else if !exists {
			return nil, httpapi.UnknownToken()
		}
		select {
		case <-woken:
		case <-timer.C:
			return nil, nil
		case <-ctx.Done():
			return nil, nil
		}
	}
}

func (s *Server) pending(ctx context.Context, inbox todevice.InboxID, after todevice.Position) ([]todevice.Event, error) {
	// That more wait needs no mark: the next sync finds them and answers at once.
	events, _, err := s.store.Pending(ctx, inbox, after)
	if err != nil {
		return nil, fmt.Errorf("sync: %w", err)
	}
	return events, nil
}
