package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"sync"

	"github.com/chappe-im/chappe/todevice"
)

// maxSessions bounds the sessions that are remembered, to a few MiB.
const maxSessions = 20_000

// A hash is what is stored of an access token: who reads the database cannot log
// in with it. The tokens are random, so a plain hash is enough.
type hash [sha256.Size]byte

func tokenHash(token string) hash { return sha256.Sum256([]byte(token)) }

// Session gives the device an access token belongs to, or
// todevice.ErrUnknownToken.
func (s *Store) Session(ctx context.Context, token string) (todevice.Device, error) {
	key := tokenHash(token)
	device, ok, generation := s.sessions.find(key)
	if ok {
		return device, nil
	}
	device = todevice.Device{User: todevice.UserID{Server: s.serverName}}
	err := s.queryRow(ctx, `SELECT d.localpart, d.device_id, d.inbox
		FROM access_tokens t JOIN devices d ON d.inbox = t.inbox WHERE t.hash = ?`,
		[]any{key[:]}, &device.User.Localpart, &device.ID, &device.Inbox)
	if errors.Is(err, sql.ErrNoRows) {
		err = todevice.ErrUnknownToken
	}
	if err != nil {
		return todevice.Device{}, fmt.Errorf("find the session: %w", err)
	}
	s.sessions.remember(key, device, generation)
	return device, nil
}

// sessions remembers whose an access token is, as every request asks that. A
// device has one token.
type sessions struct {
	mu      sync.RWMutex
	devices map[hash]todevice.Device  // guarded by mu
	hashes  map[todevice.InboxID]hash // guarded by mu
	// generation counts the times a token ended. What was read before one did is not
	// remembered after it. Guarded by mu.
	generation uint64
}

func newSessions() *sessions {
	return &sessions{devices: make(map[hash]todevice.Device), hashes: make(map[todevice.InboxID]hash)}
}

func (s *sessions) find(key hash) (device todevice.Device, ok bool, generation uint64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	device, ok = s.devices[key]
	return device, ok, s.generation
}

// has tells whether a token of the device is remembered: then the device exists, or
// nobody has been told yet that it does not.
func (s *sessions) has(inbox todevice.InboxID) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, ok := s.hashes[inbox]
	return ok
}

func (s *sessions) remember(key hash, device todevice.Device, generation uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.generation != generation {
		return
	}
	if len(s.devices) >= maxSessions {
		clear(s.devices)
		clear(s.hashes)
	}
	s.devices[key] = device
	s.hashes[device.Inbox] = key
}

// end forgets the token of a device: it was taken away. It comes after that is
// committed, or a reader might remember it again.
func (s *sessions) end(inbox todevice.InboxID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.generation++
	delete(s.devices, s.hashes[inbox])
	delete(s.hashes, inbox)
}
