package sessions

import (
	"encoding/json"

	"github.com/chappe-im/chappe/rtmcompat/wire"
	"github.com/chappe-im/chappe/todevice"
)

const (
	maxQueried = 256
	maxWatched = 512
	maxCounted = 32
)

// The codes of answers that are no success, as the SDK has them for programs.
const (
	watchInvalid  = 2
	watchTooOften = 4
	watchTooMany  = 5 + 1
)

// An onlineState is how the client is told of a user.
type onlineState struct {
	UserId string
	Online int // 1 or 0
}

func state(uid string, online bool) onlineState {
	if online {
		return onlineState{uid, 1}
	}
	return onlineState{uid, 0}
}

// A users is the content of frames that name users: a JSON array in a string.
type users struct {
	MsgId   int64
	UserIds string
}

func (u users) list() (uids []string, ok bool) {
	return uids, json.Unmarshal([]byte(u.UserIds), &uids) == nil
}

// online tells whether a user that the client names is online, as far as is known here.
func (ss *session) online(uid string) bool {
	user, err := ss.server.door.Receiver(ss.app, uid)
	return err == nil && ss.server.door.Online(user)
}

func (ss *session) states(uids []string) []onlineState {
	states := make([]onlineState, 0, len(uids))
	for _, uid := range uids {
		states = append(states, state(uid, ss.online(uid)))
	}
	return states
}

// queryOnline answers who of some users is online. The answer has no code: where it is
// refused nobody is said to be.
func (ss *session) queryOnline(q users) {
	uids, ok := q.list()
	states := []onlineState{}
	if ok && len(uids) <= maxQueried && ss.may(querying) {
		states = ss.states(uids)
	}
	ss.send("QueryOnlineStatus", map[string]any{"MsgId": q.MsgId, "Status": states})
}

// queryWatched answers which users the client wants to know of, and is online.
func (ss *session) queryWatched(q struct{ MsgId int64 }) {
	ss.server.mu.Lock()
	var uids []string
	for _, uid := range ss.watching {
		uids = append(uids, uid)
	}
	ss.server.mu.Unlock()
	ss.send("QueryOnlineSubStatus", map[string]any{"MsgId": q.MsgId, "Status": ss.states(uids)})
}

// watch has the client be told when users come and go. It is told at once of those it
// asks for.
func (ss *session) watch(q users) {
	uids, ok := q.list()
	code := 0
	switch {
	case !ok:
		code = watchInvalid
	case !ss.may(subscribing):
		code = watchTooOften
	default:
		code = ss.server.watch(ss, uids)
	}
	ss.send("SubscribeOnlineStatus", map[string]any{"MsgId": q.MsgId, "Code": code})
	if code == 0 && len(uids) > 0 {
		ss.send("PeerOnlineStatus", map[string]any{"Status": ss.states(uids)})
	}
}

func (ss *session) unwatch(q users) {
	uids, ok := q.list()
	code := watchInvalid
	if ok {
		code = 0
		for _, uid := range uids {
			if user, err := ss.server.door.Receiver(ss.app, uid); err == nil {
				ss.server.unwatch(ss, user)
			}
		}
	}
	ss.send("UnSubscribeOnlineStatus", map[string]any{"MsgId": q.MsgId, "Code": code})
}

// watch gives 0, or the code of why none of the users is watched.
func (s *Server) watch(ss *session, uids []string) (code int) {
	wanted := make(map[todevice.UserID]string, len(uids))
	for _, uid := range uids {
		user, err := s.door.Receiver(ss.app, uid)
		if err != nil {
			return watchInvalid
		}
		wanted[user] = uid
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	more := 0
	for user := range wanted {
		if _, known := ss.watching[user]; !known {
			more++
		}
	}
	if len(ss.watching)+more > maxWatched {
		return watchTooMany
	}
	if ss.watching == nil {
		ss.watching = make(map[todevice.UserID]string, more)
	}
	for user, uid := range wanted {
		ss.watching[user] = uid
		if s.watchers[user] == nil {
			s.watchers[user] = make(sessionSet, 1)
		}
		s.watchers[user][ss] = struct{}{}
	}
	return 0
}

func (s *Server) unwatch(ss *session, user todevice.UserID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unwatchLocked(ss, user)
}

func (s *Server) unwatchAll(ss *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for user := range ss.watching {
		s.unwatchLocked(ss, user)
	}
}

func (s *Server) unwatchLocked(ss *session, user todevice.UserID) {
	delete(ss.watching, user)
	if delete(s.watchers[user], ss); len(s.watchers[user]) == 0 {
		delete(s.watchers, user)
	}
}

// tellWatchers tells those who want to know that a user has come or gone.
func (s *Server) tellWatchers(user todevice.UserID, online bool) {
	type told struct {
		ss  *session
		uid string
	}
	s.mu.Lock()
	var all []told
	for ss := range s.watchers[user] {
		all = append(all, told{ss, ss.watching[user]})
	}
	s.mu.Unlock()
	for _, t := range all {
		t.ss.Push(wire.Frame("PeerOnlineStatus", map[string]any{"Status": []onlineState{state(t.uid, online)}}))
	}
}
