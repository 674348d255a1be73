package sqlite

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/chappe-im/chappe/todevice"
)

// sightings remembers which devices were there since it was last written down: a
// commit for each sync would cost more than the knowledge is worth.
type sightings struct {
	mu   sync.Mutex
	seen map[todevice.InboxID]sighting // guarded by mu
}

// A sighting is when a device was there, in milliseconds, and at which address.
type sighting struct {
	at   int64
	addr string
}

func newSightings() *sightings { return &sightings{seen: make(map[todevice.InboxID]sighting)} }

func (s *sightings) of(inbox todevice.InboxID) (sighting, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen, ok := s.seen[inbox]
	return seen, ok
}

// NoteSeen remembers that a device was there just now, at an IP address. Devices shows
// it at once; it is durable after KeepSightings.
func (s *Store) NoteSeen(inbox todevice.InboxID, addr string) {
	s.sightings.mu.Lock()
	defer s.sightings.mu.Unlock()
	s.sightings.seen[inbox] = sighting{at: s.nowMillis(), addr: addr}
}

// KeepSightings writes down which devices were there since it last did.
func (s *Store) KeepSightings(ctx context.Context) error {
	s.sightings.mu.Lock()
	seen := maps.Clone(s.sightings.seen)
	s.sightings.mu.Unlock()
	for part := range slices.Chunk(slices.Sorted(maps.Keys(seen)), sweepRows) {
		err := s.write(ctx, func(t *tx) error {
			for _, inbox := range part {
				_, err := t.exec(`UPDATE devices SET last_seen = ?1, last_seen_ip = ?2 WHERE inbox = ?3 AND last_seen <= ?1`,
					seen[inbox].at, seen[inbox].addr, inbox)
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("keep when devices were seen: %w", err)
		}
		s.sightings.drop(part, seen)
	}
	return nil
}

// drop forgets what was written down, but not what was seen meanwhile.
func (s *sightings) drop(inboxes []todevice.InboxID, written map[todevice.InboxID]sighting) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, inbox := range inboxes {
		if s.seen[inbox] == written[inbox] {
			delete(s.seen, inbox)
		}
	}
}
