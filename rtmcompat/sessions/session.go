package sessions

import (
	"sync"
	"time"

	"github.com/chappe-im/chappe/rtmcompat"
	"github.com/chappe-im/chappe/rtmcompat/wire"
	"github.com/chappe-im/chappe/todevice"
)

const (
	// grace is how long a session stands without a connection.
	grace = 30 * time.Second
	// maxUnacknowledged is how many messages a client may be given that it has not
	// acknowledged; the others wait.
	maxUnacknowledged = 1000
	// maxUnacknowledgedBytes is the same in bytes of frames. One message may go beyond it:
	// together with that they are fewer than may wait on a connection.
	maxUnacknowledgedBytes = 4 << 20
	// maxLive is how many messages wait for a client that are not stored, and maxLiveBytes
	// how many bytes of them.
	maxLive      = 10_000
	maxLiveBytes = 8 << 20
)

// A session is a user being online. It is a member of channels, and the device RTM of its
// user is attached to it.
type session struct {
	server *Server
	app    rtmcompat.App
	uid    string
	device todevice.Device
	detach func()

	mu sync.Mutex
	// sid is the name its client has given it, sessionID the one the gateway has given
	// the login it has now. Guarded by mu.
	sid, sessionID string
	done           usage // guarded by mu
	// conn is nil while there is none, which is so since brokenAt.
	conn     *connection // guarded by mu
	brokenAt time.Time   // guarded by mu
	ended    bool        // guarded by mu
	// asks is true if the client says that it is alive only when it is asked.
	asks    bool      // guarded by mu
	askedAt time.Time // guarded by mu
	token   tokenLife // guarded by mu
	out     delivery  // guarded by mu
	fetch   fetching  // guarded by mu

	elsewhere  map[string]*farChannel     // channels of other servers it is in; guarded by mu
	attributes map[string]string          // of the user; guarded by mu
	watching   map[todevice.UserID]string // whom it wants to know of, by the name it has for them; guarded by the server's mu
}

// A tokenLife is the end of the token a session was begun with, or that it has renewed.
type tokenLife struct {
	until    time.Time // zero: none
	renewed  bool
	warned   bool
	toldOver bool
}

func (s *Server) newSession(app rtmcompat.App, stored todevice.RTMSession) *session {
	return &session{
		server: s, app: app, uid: stored.UID, device: stored.Device, sid: stored.SID,
		token: tokenLife{until: stored.TokenUntil, renewed: true}, // if the program was restarted
		out:   delivery{nextID: time.Now().UnixMilli()},

		brokenAt: time.Now(), // until its client is connected to it
	}
}

// UID is who the session is in its app.
func (ss *session) UID() string { return ss.uid }

// Push sends a frame of a channel, unless the connection is broken.
func (ss *session) Push(frame []byte) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if ss.conn != nil {
		ss.conn.send(frame)
	}
}

// pushed sends a frame, and gives the connection it went to, nil where there is none.
func (ss *session) pushed(frame []byte) *connection {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if ss.conn != nil {
		ss.conn.send(frame)
	}
	return ss.conn
}

// pushOn sends a frame if the session has this connection still.
func (ss *session) pushOn(c *connection, frame []byte) bool {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if c == nil || ss.conn != c {
		return false
	}
	c.send(frame)
	return true
}

// connection gives the session's connection, nil where it is broken.
func (ss *session) connection() *connection {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return ss.conn
}

// send answers the client, or tells it something.
func (ss *session) send(cmd string, content any) { ss.Push(wire.Frame(cmd, content)) }

// named tells whether a client means this session.
func (ss *session) named(other todevice.RTMSession) bool {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return ss.sid == other.SID && ss.device == other.Device && !ss.ended
}

func (ss *session) stored() todevice.RTMSession {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return todevice.RTMSession{Device: ss.device, App: ss.app.ID, UID: ss.uid, SID: ss.sid, TokenUntil: ss.token.until}
}

// connect gives the session a connection, in the place of any other it has: until the
// client has joined its channels again, it has no ears for them. hold is true if it will
// fetch what waits. It is called with the login lock of the user held.
func (ss *session) connect(c *connection, l login, until time.Time, hold bool) {
	before := ss.connection()
	if before != nil {
		ss.pause(before, time.Now())
	}
	ss.mu.Lock()
	ss.conn, ss.sessionID = c, l.SessionId
	ss.asks, ss.askedAt = l.SvrKeepAlive, time.Now()
	if ss.token.until.Before(until) || !ss.token.renewed {
		ss.token = tokenLife{until: until}
	}
	switch {
	case hold:
		ss.fetch = fetching{until: time.Now().Add(fetchTime)}
	case !ss.fetch.answered.IsZero():
		ss.fetch.answered = time.Now().Add(-fetchedAfter) // whoever comes back was there to take it
	}
	c.send(wire.Frame("Login", map[string]any{"Code": 0, "UserId": ss.uid}))
	ss.out.again(c)
	ss.wakeLocked()
	ss.mu.Unlock()
	if before != nil {
		before.finish(closeReplaced)
	}
}

// leave ends the session, and gives its connection.
func (ss *session) leave() *connection {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	c := ss.conn
	ss.conn, ss.ended = nil, true
	return c
}

// broke notes that a connection has ended, if it is still the session's. A login that is
// under way comes before or after that: what the channels are told is not of a connection
// that has taken the place of this one.
func (ss *session) broke(c *connection) {
	lock := ss.server.loginLock(ss.device.User)
	lock.Lock()
	defer lock.Unlock()
	ss.pause(c, time.Now())
}

// pause takes a connection from the session, if it is still its own. It is called with the
// login lock of the user held.
func (ss *session) pause(c *connection, now time.Time) {
	heard := time.Unix(0, c.heard.Load())
	ss.mu.Lock()
	if ss.conn != c {
		ss.mu.Unlock()
		return
	}
	ss.conn, ss.brokenAt = nil, now
	if now.Sub(heard) >= silence {
		ss.brokenAt = heard // it has had its time
	}
	ss.mu.Unlock()
	ss.server.hub.Pause(ss, heard)
}

// connected tells whether a connection is still the session's.
func (ss *session) connected(c *connection) bool {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return ss.conn == c
}

func (ss *session) renewedPast(now time.Time) bool {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return ss.token.renewed && ss.token.until.After(now)
}

func (ss *session) tokenEnd() time.Time {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return ss.token.until
}
