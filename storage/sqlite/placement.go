package sqlite

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/chappe-im/chappe/todevice"
)

// A placement is one content and the inboxes it goes to, all for its class.
type placement struct {
	content json.RawMessage
	class   todevice.Class
	inboxes []todevice.InboxID
}

// place finds the inboxes of a send's recipients, as they exist now. Unknown users
// and devices are counted and left out. A full inbox is counted and left out if
// skipFull, and refuses the send otherwise.
func (t *tx) place(send todevice.Send, skipFull bool, skipped *todevice.Skipped) ([]placement, error) {
	var placements []placement
	for rest := send.Messages; len(rest) > 0; {
		run := sameUser(rest)
		rest = rest[len(run):]
		found, err := t.recipients(run)
		if err != nil {
			return nil, fmt.Errorf("find the recipient's devices: %w", err)
		}
		for _, p := range found {
			if len(p.inboxes) == 0 {
				skipped.UnknownDevices++
				continue
			}
			p, err := t.withRoom(p, skipFull, skipped)
			if err != nil {
				return nil, err
			}
			if len(p.inboxes) > 0 {
				placements = join(placements, p)
			}
		}
	}
	return placements, nil
}

// join adds a placement, to the last one if both are of the very same content: what is
// sent to many users is stored once for all.
func join(placements []placement, p placement) []placement {
	if n := len(placements); n > 0 && placements[n-1].class == p.class && sameBytes(placements[n-1].content, p.content) {
		placements[n-1].inboxes = append(placements[n-1].inboxes, p.inboxes...)
		return placements
	}
	return append(placements, p)
}

// sameBytes tells whether two contents are one, and not only alike.
func sameBytes(a, b json.RawMessage) bool {
	return len(a) == len(b) && len(a) > 0 && &a[0] == &b[0]
}

// sameUser gives the leading messages that are for one user.
func sameUser(messages []todevice.Message) []todevice.Message {
	for i := range messages {
		if messages[i].To != messages[0].To {
			return messages[:i]
		}
	}
	return messages
}

// recipients gives, for each of one user's messages, the inboxes it goes to.
func (t *tx) recipients(run []todevice.Message) ([]placement, error) {
	if len(run) == 1 && run[0].Device != todevice.AllDevices {
		inbox, err := t.inbox(run[0].To.Localpart, run[0].Device)
		if errors.Is(err, sql.ErrNoRows) {
			return []placement{{}}, nil
		}
		return []placement{{content: run[0].Content, class: run[0].Class, inboxes: []todevice.InboxID{inbox}}}, err
	}
	placements := make([]placement, len(run))
	byDevice := make(map[string]*placement, len(run))
	for i := range run {
		placements[i].content, placements[i].class = run[i].Content, run[i].Class
		byDevice[run[i].Device] = &placements[i]
	}
	devices, err := t.devices(run[0].To.Localpart)
	for _, device := range devices {
		p := byDevice[device.ID]
		if p == nil {
			p = byDevice[todevice.AllDevices]
		}
		if p != nil {
			p.inboxes = append(p.inboxes, device.Inbox)
		}
	}
	return placements, err
}

// withRoom leaves full inboxes out of a placement, or refuses it.
func (t *tx) withRoom(p placement, skipFull bool, skipped *todevice.Skipped) (placement, error) {
	room := p.inboxes[:0]
	for _, inbox := range p.inboxes {
		size, err := t.inboxSize(inbox)
		if err != nil {
			return placement{}, fmt.Errorf("measure the inbox: %w", err)
		}
		limits := t.writer.store.limits
		switch full := size.rows >= limits.rows || size.bytes >= limits.bytes; {
		case !full:
			room = append(room, inbox)
		case skipFull:
			skipped.FullInboxes++
		default:
			return placement{}, todevice.ErrInboxFull
		}
	}
	p.inboxes = room
	return p, nil
}
