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

// Session gives the device an access token belongs to, or fails with
// todevice.ErrUnknownToken or todevice.ErrExpiredToken.
func (s *Store) Session(ctx context.Context, token string) (todevice.Device, error) {
	key := tokenHash(token)
	known, ok, generation := s.sessions.find(key)
	if ok && !s.expired(known) {
		return known.device, nil
	}
	found := session{device: todevice.Device{User: todevice.UserID{Server: s.serverName}}}
	var first bool
	err := s.queryRow(ctx, `SELECT d.localpart, d.device_id, d.inbox, t.expires, EXISTS
			(SELECT 1 FROM refresh_tokens r WHERE r.inbox = t.inbox AND r.refreshes < t.refreshes)
		FROM access_tokens t JOIN devices d ON d.inbox = t.inbox WHERE t.hash = ?`,
		[]any{key[:]}, &found.device.User.Localpart, &found.device.ID, &found.device.Inbox, &found.expires, &first)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		err = todevice.ErrUnknownToken
	case err == nil && s.expired(found):
		err = todevice.ErrExpiredToken
	case err == nil && first:
		err = s.firstUse(ctx, key)
	}
	if err != nil {
		return todevice.Device{}, fmt.Errorf("find the session: %w", err)
	}
	s.sessions.remember(key, found, generation)
	return found.device, nil
}

// A session is an access token's.
type session struct {
	device todevice.Device
	// expires is the first millisecond the token does not work in, 0 for a token that
	// does not expire.
	expires int64
}

func (s *Store) expired(of session) bool { return of.expires != 0 && s.nowMillis() >= of.expires }

// sessions remembers whose an access token is, as every request asks that. Of a device
// it remembers one token: while tokens are refreshed it may have others, which are
// looked up.
type sessions struct {
	mu     sync.RWMutex
	known  map[hash]session          // guarded by mu
	hashes map[todevice.InboxID]hash // guarded by mu
	// ending holds the devices whose tokens the transaction under way takes: none is
	// remembered, as there is no instant at which both its commit and this could happen
	// for all. Guarded by mu.
	ending map[todevice.InboxID]struct{}
	// generation counts the times a token ended. What was read before one did is not
	// remembered after it. Guarded by mu.
	generation uint64
}

func newSessions() *sessions {
	return &sessions{
		known: make(map[hash]session), hashes: make(map[todevice.InboxID]hash), ending: make(map[todevice.InboxID]struct{}),
	}
}

func (s *sessions) find(key hash) (known session, ok bool, generation uint64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	known, ok = s.known[key]
	return known, ok, s.generation
}

// has tells whether a token of the device is remembered: then the device exists.
func (s *sessions) has(inbox todevice.InboxID) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, ok := s.hashes[inbox]
	return ok
}

func (s *sessions) remember(key hash, found session, generation uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ending := s.ending[found.device.Inbox]; ending || s.generation != generation {
		return
	}
	if len(s.known) >= maxSessions {
		clear(s.known)
		clear(s.hashes)
	}
	delete(s.known, s.hashes[found.device.Inbox])
	s.known[key] = found
	s.hashes[found.device.Inbox] = key
}

// begin forgets the token of a device, as the transaction under way takes it away.
func (s *sessions) begin(inbox todevice.InboxID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ending[inbox] = struct{}{}
	s.forget(inbox)
}

// end comes after that is committed. A reader may have read the token before.
func (s *sessions) end(inbox todevice.InboxID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.ending, inbox)
	s.forget(inbox)
}

// keep comes after that was rolled back, of all devices.
func (s *sessions) keep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.ending)
}

// forget is called with mu held.
func (s *sessions) forget(inbox todevice.InboxID) {
	s.generation++
	delete(s.known, s.hashes[inbox])
	delete(s.hashes, inbox)
}

func (s *sessions) forgetAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.generation++
	clear(s.known)
	clear(s.hashes)
}

// endSessions forgets the tokens of a device, which the transaction takes away.
func (t *tx) endSessions(inbox todevice.InboxID) {
	sessions := t.writer.store.sessions
	sessions.begin(inbox)
	t.afterCommit(func() { sessions.end(inbox) })
}
