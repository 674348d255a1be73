package sqlite

import (
	"hash/maphash"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/todevice"
)

// An acquaintance is a local user and one they exchanged messages with, or whose
// keys they asked for: a user anywhere, or, where only the server is given, whoever
// there is.
type acquaintance struct {
	localpart string
	with      todevice.UserID
}

// acquaintances remembers between commits who is noted already, so that a message
// between users who know each other costs no look at the tables. It belongs to the
// writer goroutine.
type acquaintances struct {
	// noted holds hashes, for they are small; that two of 100,000 are the same happens
	// once in billions of times, and means that one change of a device list is not told.
	noted map[uint64]struct{}
	seed  maphash.Seed
	// since is when noted was last empty. It is emptied after renewInterest, as the
	// time in the tables must be renewed.
	since time.Time
}

func (a *acquaintances) forgetAll() { a.noted = nil }

// add tells whether the acquaintance is not noted yet.
func (a *acquaintances) add(one acquaintance, now time.Time) (added bool) {
	if a.noted == nil || len(a.noted) >= maxRemembered || now.Sub(a.since).Abs() > renewInterest {
		a.noted, a.seed, a.since = make(map[uint64]struct{}), maphash.MakeSeed(), now
	}
	hash := maphash.Comparable(a.seed, one)
	if _, ok := a.noted[hash]; ok {
		return false
	}
	a.noted[hash] = struct{}{}
	return true
}

// acquaint notes that two users have exchanged messages, each for the other where
// it is a user of this server, and that a server is interested in those of its
// users' acquaintances who are here.
func (t *tx) acquaint(a, b todevice.UserID) error {
	if err := t.interested(a, b); err != nil || a == b {
		return err
	}
	return t.interested(b, a)
}

// interested notes the interest of a user in another.
func (t *tx) interested(user, in todevice.UserID) error {
	here := t.writer.store.serverName
	switch {
	case user == in: // everybody is interested in themselves
		return nil
	case user.Server == here:
		if !t.writer.acquaintances.add(acquaintance{user.Localpart, in}, t.writer.store.now()) {
			return nil
		}
		_, err := t.exec(`INSERT INTO interest (user_id, localpart, at) SELECT ?, localpart, ? FROM users WHERE localpart = ?
			ON CONFLICT DO UPDATE SET at = excluded.at`, in.String(), t.nowMillis(), user.Localpart)
		return err
	case in.Server == here:
		server := todevice.UserID{Server: user.Server}
		if !t.writer.acquaintances.add(acquaintance{in.Localpart, server}, t.writer.store.now()) {
			return nil
		}
		return t.serverInterested(user.Server, in.Localpart)
	}
	return nil
}

func (t *tx) serverInterested(server spec.ServerName, localpart string) error {
	_, err := t.exec(`INSERT INTO remote_interest (server, localpart, at) SELECT ?, localpart, ? FROM users WHERE localpart = ?
		ON CONFLICT DO UPDATE SET at = excluded.at`, string(server), t.nowMillis(), localpart)
	return err
}

// acquaintAll notes who a batch makes acquainted.
func (t *tx) acquaintAll(b todevice.Batch) error {
	for _, send := range b.Sends {
		for i, message := range send.Messages {
			if i > 0 && message.To == send.Messages[i-1].To {
				continue
			}
			if err := t.acquaint(send.Sender, message.To); err != nil {
				return err
			}
		}
	}
	for _, edu := range b.EDUs {
		for _, user := range edu.To {
			if err := t.acquaint(edu.Sender, user); err != nil {
				return err
			}
		}
	}
	return nil
}
