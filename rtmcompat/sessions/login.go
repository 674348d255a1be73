package sessions

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/gobwas/ws"
	"github.com/sirupsen/logrus"

	"github.com/chappe-im/chappe/rtmcompat"
	"github.com/chappe-im/chappe/rtmcompat/wire"
	"github.com/chappe-im/chappe/todevice"
)

const (
	// loginTimeout is how long a connection may stand without a login.
	loginTimeout = 12 * time.Second
	// fetchTime is how long a client that has just logged in has to fetch what waits.
	fetchTime = 5 * time.Second
	// serviceUID is the uid that an app's channels have.
	serviceUID = "channels"
)

// A login is the Content of the frame Login.
type login struct {
	AppId     string // of the frame
	UserId    string
	UserSId   string
	AcsToken  string
	SessionId string
	// SvrKeepAlive is true if the client is not to say by itself that it is alive.
	SvrKeepAlive bool
}

func readLogin(frame []byte) (l login, err error) {
	_, content, err := wire.Parse(frame)
	if err != nil {
		return l, err
	}
	if err := json.Unmarshal(content, &l); err != nil {
		return l, errors.New("the content of a login is not JSON")
	}
	var outer struct{ AppId string }
	if err := json.Unmarshal(frame, &outer); err != nil {
		return l, errors.New("a login without an app")
	}
	l.AppId = outer.AppId
	if l.UserSId == "" || len(l.UserSId) > 256 || len(l.SessionId) > 256 {
		return l, errors.New("a login without a name for the session")
	}
	return l, nil
}

var errReserved = errors.New("the uid is reserved")

// identify gives the Matrix user of an uid that may log in.
func (s *Server) identify(app rtmcompat.App, uid string) (todevice.UserID, error) {
	if uid == serviceUID {
		return todevice.UserID{}, errReserved
	}
	return s.door.User(app, uid)
}

// logIn makes a connection that of a user's session: of the one that stands, if the client
// has named it, or else of a new one, which ends the other.
func (s *Server) logIn(ctx context.Context, c *connection, l login) (*session, error) {
	app, ok := s.door.App(l.AppId)
	if !ok {
		return nil, errors.New("a login to an unknown app")
	}
	user, err := s.identify(app, l.UserId)
	if err != nil {
		return nil, errors.New("a login of no uid")
	}
	until, err := s.checkToken(app, l.UserId, l.AcsToken)
	if err != nil {
		return nil, err
	}
	lock := s.loginLock(user)
	lock.Lock()
	defer lock.Unlock()
	device, err := s.store.EnsureDevice(ctx, user.Localpart, rtmcompat.DeviceID)
	if err != nil {
		return nil, err
	}
	stored := todevice.RTMSession{Device: device, App: app.ID, UID: l.UserId, SID: l.UserSId, TokenUntil: until}
	resumed, err := s.store.BeginRTMSession(ctx, stored)
	if err != nil {
		return nil, err
	}
	ss, fresh := s.takeUp(app, stored)
	if fresh {
		s.event(todevice.RTMEvent{App: app.ID, Type: todevice.RTMLogin, User: l.UserId})
		s.tellWatchers(user, true)
	}
	ss.connect(c, l, until, !resumed)
	return ss, nil
}

// takeUp gives the session of a user that the client has named, or a new one in the place
// of the one that stands.
func (s *Server) takeUp(app rtmcompat.App, stored todevice.RTMSession) (ss *session, fresh bool) {
	if standing := s.session(stored.Device.User); standing != nil {
		if standing.named(stored) {
			return standing, false
		}
		s.replace(standing)
	}
	ss = s.newSession(app, stored)
	s.add(ss)
	return ss, true
}

// replace ends a session since its user has logged in elsewhere.
func (s *Server) replace(ss *session) {
	if c := ss.leave(); c != nil {
		c.send(wire.Frame("ForceOffline", nil))
		c.finish(closeReplaced)
	}
	s.forget(ss, false)
}

// end ends a session that its user has ended.
func (s *Server) end(ss *session) {
	lock := s.loginLock(ss.device.User)
	lock.Lock()
	defer lock.Unlock()
	s.endLocked(ss)
}

// giveUp ends a session that nobody has come back to. Meanwhile somebody may have: as long
// as a login was under way, this waited for it.
func (s *Server) giveUp(ss *session, now time.Time) {
	lock := s.loginLock(ss.device.User)
	lock.Lock()
	defer lock.Unlock()
	if ss.over(now) {
		s.endLocked(ss)
	}
}

// endLocked is called with the login lock of the user held.
func (s *Server) endLocked(ss *session) {
	if c := ss.leave(); c != nil {
		c.finish(closeReplaced)
	}
	s.forget(ss, true)
}

// forget takes a session that has ended out of everything.
func (s *Server) forget(ss *session, gone bool) {
	s.mu.Lock()
	if s.sessions[ss.device.User] != ss {
		s.mu.Unlock()
		return
	}
	delete(s.sessions, ss.device.User)
	s.mu.Unlock()
	s.metrics.sessions.Dec()
	ss.detach()
	s.calls.forget(ss)
	s.unwatchAll(ss)
	ss.leaveAllElsewhere()
	for _, channel := range s.hub.LeaveAll(ss) {
		s.event(todevice.RTMEvent{App: ss.app.ID, Type: todevice.RTMLeave, User: ss.uid, Channel: channel})
	}
	s.event(todevice.RTMEvent{App: ss.app.ID, Type: todevice.RTMLogout, User: ss.uid})
	if !gone {
		return
	}
	if err := s.store.EndRTMSession(s.running, ss.stored()); err != nil {
		s.log.WithError(err).Error("could not end an RTM session")
	}
	s.tellWatchers(ss.device.User, false)
}

// serve reads a connection until its end.
func (s *Server) serve(c *connection, early []byte) {
	defer s.dropConn(c)
	reader := newMessageReader(c, early)
	_ = c.net.SetReadDeadline(time.Now().Add(loginTimeout))
	ss, reason := s.greet(c, reader)
	if ss != nil {
		_ = c.net.SetReadDeadline(time.Time{})
		reason = ss.read(c, reader)
	}
	s.metrics.ended.WithLabelValues(reason).Inc()
	switch reason {
	case endClosed:
		c.finish(ws.StatusNormalClosure)
	case endNetwork:
		c.kill()
	default:
		c.finish(closeFault)
	}
	if ss != nil {
		ss.broke(c)
	}
}

// greet reads the login of a connection. Without one it gives the reason to end it.
func (s *Server) greet(c *connection, reader *messageReader) (*session, string) {
	frame, err := reader.next()
	if err != nil {
		return nil, endReason(err)
	}
	l, err := readLogin(frame)
	if err != nil {
		return nil, endBadFrame
	}
	ss, err := s.logIn(s.running, c, l)
	if err != nil {
		s.log.WithError(err).WithFields(logrus.Fields{"part": "rtm"}).Debug("a login was refused")
		c.send(wire.Frame("Login", map[string]any{"Code": 1, "UserId": l.UserId}))
		return nil, endRefused
	}
	return ss, ""
}

// Why a connection ended, for the metric.
const (
	endClosed    = "closed"
	endNetwork   = "network"
	endRefused   = "login_refused"
	endBadFrame  = "bad_frame"
	endTooLong   = "frame_too_long"
	endUnknown   = "unknown_cmd"
	endTooMany   = "too_many_frames"
	endLoggedOut = "logout"
)

func endReason(err error) string {
	var byClient closed
	switch {
	case errors.As(err, &byClient):
		return endClosed
	case errors.Is(err, errTooLong):
		return endTooLong
	case errors.Is(err, errNotText), errors.Is(err, errMalformed):
		return endBadFrame
	default:
		return endNetwork
	}
}
