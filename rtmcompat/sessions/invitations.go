package sessions

import (
	"sync"
	"time"

	"github.com/chappe-im/chappe/rtmcompat/wire"
	"github.com/chappe-im/chappe/todevice"
)

const (
	// ringTime is how long an invitation may go without having reached the callee.
	ringTime = 30 * time.Second
	// callTime is how long an invitation may go without having been decided.
	callTime = 60 * time.Second
	// maxCallText is the greatest length of what goes with an invitation or its answer, in
	// bytes.
	maxCallText = 8 << 10
	maxCallID   = 64
	maxCalls    = 100 // that a session has begun
)

// What the caller is told of an invitation.
const (
	callSent       = 1
	callReceived   = 2
	callOffline    = 3
	callNoResponse = 4
)

// A callFrame is the content of the frames of invitations: none has all of it.
type callFrame struct {
	CallId   string
	ToUId    string
	Content  string
	Response string
	Reason   string
}

// A callKey names an invitation. The name that the caller has given it is good only
// between the two.
type callKey struct {
	caller, callee todevice.UserID
	id             string
}

// A call is an invitation that has not come to its end. The SDK forgets its invitations
// when its connection breaks, and fails at a frame about one that it has forgotten: so
// each side is told of it on the connection on which it knows it, or not at all.
type call struct {
	caller, callee         *session
	callerConn, calleeConn *connection // calleeConn is nil until the callee was told
	to                     string      // the callee, as the caller has named it
	content                string
	began                  time.Time
	accepted               bool
}

// calls are those of all sessions. Its lock is taken before that of a session.
type calls struct {
	mu    sync.Mutex
	byKey map[callKey]*call // guarded by mu
}

// makeCall invites a user of this server who is online; any other is offline.
func (ss *session) makeCall(q callFrame) {
	callee, ok := ss.other(q.ToUId)
	if !ok {
		ss.tellOfCall(q.CallId, callOffline)
		return
	}
	key := callKey{ss.device.User, callee.device.User, q.CallId}
	if q.CallId == "" || len(q.CallId) > maxCallID || len(q.Content) > maxCallText || !ss.may(sending) {
		ss.tellOfCall(q.CallId, callNoResponse)
		return
	}
	ss.server.calls.begin(key, &call{
		caller: ss, callee: callee, callerConn: ss.connection(), to: q.ToUId, content: q.Content, began: time.Now(),
	})
}

// other gives the session of a user of this server that the client names.
func (ss *session) other(uid string) (*session, bool) {
	user, err := ss.server.door.Receiver(ss.app, uid)
	if err != nil {
		return nil, false
	}
	standing := ss.server.session(user)
	return standing, standing != nil
}

func (ss *session) tellOfCall(id string, status int) { ss.send("CallStatus", callStatus(id, status)) }

func callStatus(id string, status int) any { return map[string]any{"CallId": id, "Status": status} }

// begin takes up an invitation, and tells the callee of it.
func (cs *calls) begin(key callKey, c *call) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	began := 0
	for other := range cs.byKey {
		if other.caller == key.caller {
			began++
		}
	}
	if _, known := cs.byKey[key]; known || began >= maxCalls {
		c.tellCaller("CallStatus", callStatus(key.id, callNoResponse))
		return
	}
	if cs.byKey == nil {
		cs.byKey = make(map[callKey]*call)
	}
	cs.byKey[key] = c
	c.tellCaller("CallStatus", callStatus(key.id, callSent))
	c.ring(key)
}

// ring tells the callee of the invitation, if it has a connection.
func (c *call) ring(key callKey) {
	c.calleeConn = c.callee.pushed(wire.Frame("MakeCall", map[string]any{
		"CallId": key.id, "FromUId": c.nameOfCaller(), "ToUId": c.callee.uid, "Content": c.content,
	}))
	if c.calleeConn != nil {
		c.tellCaller("CallStatus", callStatus(key.id, callReceived))
	}
}

func (c *call) nameOfCaller() string {
	return c.caller.server.door.UID(c.callee.app, c.caller.device.User)
}

// tellCaller and tellCallee tell whether the other side could be told.
func (c *call) tellCaller(cmd string, content any) bool {
	return c.caller.pushOn(c.callerConn, wire.Frame(cmd, content))
}

func (c *call) tellCallee(cmd string, content any) bool {
	return c.callee.pushOn(c.calleeConn, wire.Frame(cmd, content))
}

// cancelCall ends an invitation. The caller is told that it has, whatever there was to
// end: the SDK has no answer to anything else.
func (ss *session) cancelCall(q callFrame) {
	if user, err := ss.server.door.Receiver(ss.app, q.ToUId); err == nil {
		ss.server.calls.cancel(callKey{ss.device.User, user, q.CallId}, q.Reason, q.Content)
	}
	ss.send("cancelCallAck", map[string]any{"Code": 0, "CallId": q.CallId, "FromUId": ss.uid, "ToUId": q.ToUId})
}

func (cs *calls) cancel(key callKey, reason, content string) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if c := cs.byKey[key]; c != nil && len(content) <= maxCallText {
		delete(cs.byKey, key)
		c.cancel(key, reason, content)
	}
}

func (c *call) cancel(key callKey, reason, content string) {
	c.tellCallee("CancelCall", map[string]any{
		"CallId": key.id, "FromUId": c.nameOfCaller(), "ToUId": c.callee.uid, "Reason": reason, "Content": content,
	})
}

func (ss *session) acceptCall(q callFrame) { ss.answerCall(q, "AcceptCall") }

func (ss *session) rejectCall(q callFrame) { ss.answerCall(q, "RejectCall") }

// answerCall passes an answer on to the caller.
func (ss *session) answerCall(q callFrame, cmd string) {
	user, err := ss.server.door.Receiver(ss.app, q.ToUId)
	if err == nil && len(q.Response) <= maxCallText {
		ss.server.calls.answer(callKey{user, ss.device.User, q.CallId}, cmd, q.Response)
	}
}

// answer tells the caller, and the callee that the caller knows. A caller that has
// forgotten the invitation is as good as gone.
func (cs *calls) answer(key callKey, cmd, response string) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	c := cs.byKey[key]
	if c == nil || c.accepted {
		return
	}
	told := c.tellCaller(cmd, map[string]any{"CallId": key.id, "FromUId": c.to, "ToUId": c.caller.uid, "Response": response})
	switch {
	case !told:
		delete(cs.byKey, key)
		c.cancel(key, "Offline", "")
	case cmd == "AcceptCall":
		c.accepted = true // it may still be cancelled
		c.tellCallee("AcceptCallAck", map[string]any{"CallId": key.id})
	default:
		delete(cs.byKey, key)
	}
}

// forget ends the invitations of a session that has ended.
func (cs *calls) forget(ss *session) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for key, c := range cs.byKey {
		if c.caller != ss && c.callee != ss {
			continue
		}
		delete(cs.byKey, key)
		switch {
		case c.accepted:
		case c.caller == ss:
			c.cancel(key, "Offline", "")
		default:
			c.tellCaller("CallStatus", callStatus(key.id, callOffline))
		}
	}
}

// tick tells those callees of their invitations that had no connection before, and ends
// what has gone on for too long.
func (cs *calls) tick(now time.Time) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for key, c := range cs.byKey {
		age := now.Sub(c.began)
		if c.calleeConn == nil && age < ringTime {
			c.ring(key)
		}
		if age < callTime && (c.calleeConn != nil || age < ringTime) {
			continue
		}
		delete(cs.byKey, key)
		if !c.accepted {
			// The callee's client has a clock of its own.
			c.tellCaller("CallStatus", callStatus(key.id, callNoResponse))
		}
	}
}
