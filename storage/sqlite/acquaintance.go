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

// forget has the acquaintance looked at again.
func (a *acquaintances) forget(one acquaintance) { delete(a.noted, maphash.Comparable(a.seed, one)) }

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
		one := acquaintance{user.Localpart, in}
		if !t.writer.acquaintances.add(one, t.writer.store.now()) {
			return nil
		}
		noted, err := t.userInterested(user.Localpart, in)
		if err == nil && !noted {
			t.writer.acquaintances.forget(one) // there may be such a user later
		}
		return err
	case in.Server == here:
		one := acquaintance{in.Localpart, todevice.UserID{Server: user.Server}}
		if !t.writer.acquaintances.add(one, t.writer.store.now()) {
			return nil
		}
		noted, err := t.serverInterested(user.Server, in.Localpart)
		if err == nil && !noted {
			t.writer.acquaintances.forget(one)
		}
		return err
	}
	return nil
}

// userInterested notes the interest of a local user in another, unless one of them
// is a user of this server who does not exist.
func (t *tx) userInterested(localpart string, in todevice.UserID) (noted bool, err error) {
	if in.Server == t.writer.store.serverName {
		if exists, err := t.userExists(in.Localpart); err != nil || !exists {
			return false, err
		}
	}
	_, err = t.exec(`DELETE FROM interest_lost WHERE localpart = ? AND user_id = ?`, localpart, in.String())
	if err != nil {
		return false, err
	}
	rows, err := t.exec(`INSERT INTO interest (user_id, localpart, at) SELECT ?, localpart, ? FROM users WHERE localpart = ?
		ON CONFLICT DO UPDATE SET at = excluded.at`, in.String(), t.nowMillis(), localpart)
	// What has changed before concerns the user now, too.
	t.raiseBound(localpart, t.head)
	return rows > 0, err
}

// serverInterested notes the interest of a server in a local user, if there is one.
func (t *tx) serverInterested(server spec.ServerName, localpart string) (noted bool, err error) {
	rows, err := t.exec(`INSERT INTO remote_interest (server, localpart, at) SELECT ?, localpart, ? FROM users WHERE localpart = ?
		ON CONFLICT DO UPDATE SET at = excluded.at`, string(server), t.nowMillis(), localpart)
	return rows > 0, err
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
