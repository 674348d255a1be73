package sessions

import (
	"net/http"
	"time"

	"github.com/chappe-im/chappe/todevice"
)

// fetchedAfter is how long after the answer a sign of life says that the client has it.
const fetchedAfter = 5 * time.Second

// fetchedByLogout is how long after it a logout says so: short-lived programs come, fetch
// and go.
const fetchedByLogout = time.Second

// A fetching is where a client is with what waited for it before its login, which it
// fetches by an HTTP request of its own.
type fetching struct {
	// until is when it is not waited for any longer; zero for a client that does not
	// fetch, or has.
	until time.Time
	// answered is when it was given what waits up to a position.
	answered time.Time
	upTo     todevice.Position
}

// holding tells whether messages of users must wait until the client has fetched those
// before them.
func (f fetching) holding() bool { return !f.until.IsZero() }

// An offlineMessage is one of those a client fetches.
type offlineMessage struct {
	From   string `json:"msgFrom"`
	Status int    `json:"msgStatus"`
	Type   int    `json:"msgType"`
	Body   string `json:"msgBody"`
	TS     int64  `json:"msgTs"` // Unix milliseconds
}

// offlineMessages answers POST /arapi/v1/artmgw/getOfflineMsg: what was stored for a user
// before the login. It knows the session by the name that the gateway gave it.
func (s *Server) offlineMessages() http.Handler {
	return browsers(func(w http.ResponseWriter, r *http.Request) {
		var asked struct {
			UID       string `json:"uid"`
			SessionID string `json:"sessId"`
			AppID     string `json:"appId"`
		}
		messages := []offlineMessage{}
		if err := readJSON(r, &asked); err == nil {
			if ss := s.fetching(asked.AppID, asked.UID, asked.SessionID); ss != nil {
				messages = ss.fetchAll(asked.SessionID)
				defer ss.answeredFetch()
			}
		}
		// Always so: the SDK takes anything else for a fault nobody has thought of.
		writeJSON(w, map[string]any{"code": 0, "data": messages})
		// What comes next goes by another connection, and must not be there first.
		_ = http.NewResponseController(w).Flush()
	})
}

// fetching gives the session that may fetch what waits.
func (s *Server) fetching(appID, uid, sessionID string) *session {
	app, ok := s.door.App(appID)
	if !ok || sessionID == "" {
		return nil
	}
	user, err := s.door.User(app, uid)
	if err != nil {
		return nil
	}
	ss := s.session(user)
	if ss == nil {
		return nil
	}
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if ss.sessionID != sessionID || !ss.fetch.holding() {
		return nil
	}
	return ss
}

// fetchAll gives what waits in the session's inbox, as far as the client has not been
// given it. It gives nothing where the client has come back on another connection, or was
// not waited for any longer, while this read: then all goes to its connection.
func (ss *session) fetchAll(sessionID string) []offlineMessage {
	ss.mu.Lock()
	begin := ss.out.read
	ss.mu.Unlock()
	waiting, upTo := ss.readAll(begin)
	ss.mu.Lock()
	defer ss.mu.Unlock()
	messages := make([]offlineMessage, 0, len(waiting))
	if ss.sessionID != sessionID || !ss.fetch.holding() || ss.out.read != begin {
		return messages
	}
	if len(ss.out.live) > 0 {
		upTo = min(upTo, ss.out.live[0].after) // what is stored after that follows it
	}
	for _, event := range waiting {
		if event.Position > upTo {
			break
		}
		if peer, sender, ok := readPeerEvent(event.JSON); ok {
			messages = append(messages, offlineMessage{
				From: ss.server.door.UID(ss.app, sender), Type: 1, Body: *peer.Content.Payload, TS: peer.Content.ServerTS,
			})
		} else {
			ss.server.metrics.skipped.Inc()
		}
		ss.out.read, ss.fetch.upTo = event.Position, event.Position
	}
	return messages
}

// readAll reads what is stored after a position, and gives the position of the last.
func (ss *session) readAll(after todevice.Position) (all []todevice.Event, upTo todevice.Position) {
	for {
		events, more, err := ss.server.store.Pending(ss.server.running, ss.device.Inbox, after)
		if err != nil {
			ss.server.log.WithError(err).Error("could not read what waits for an RTM session")
			return all, after
		}
		all = append(all, events...)
		if len(events) > 0 {
			after = events[len(events)-1].Position
		}
		if !more {
			return all, after
		}
	}
}

// answeredFetch notes that the client was sent what waited. What comes from now on goes
// to its connection.
func (ss *session) answeredFetch() {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.fetch.until, ss.fetch.answered = time.Time{}, time.Now()
	ss.wakeLocked()
}

// fetched notes a sign of life of the client. One that comes long enough after what it
// fetched says that it has that.
func (ss *session) fetched(now time.Time) {
	ss.mu.Lock()
	if ss.fetch.upTo == 0 || ss.fetch.answered.IsZero() || now.Sub(ss.fetch.answered) < fetchedAfter {
		ss.mu.Unlock()
		return
	}
	ss.out.confirm = max(ss.out.confirm, ss.fetch.upTo)
	ss.fetch.upTo = 0
	begin := !ss.out.confirming
	ss.out.confirming = true
	ss.mu.Unlock()
	if begin {
		go ss.confirm()
	}
}
