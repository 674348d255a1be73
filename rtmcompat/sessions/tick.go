package sessions

import (
	"time"

	"github.com/chappe-im/chappe/rtmcompat/wire"
)

const (
	// askEvery is how often a client is asked whether it is there that does not say so by
	// itself. It drops the connection if that comes 20 s late.
	askEvery = 8 * time.Second
	// silence is after what time without a word a connection is taken for broken.
	silence = 30 * time.Second
	// tokenWarning is how long before its end a client is told of it.
	tokenWarning = 30 * time.Second
)

// tick does, once a second, what goes by time for every session.
func (s *Server) tick(now time.Time) {
	for _, ss := range s.all() {
		if ss.tick(now) {
			s.giveUp(ss, now)
		}
		ss.stay(now)
	}
}

// tick tells whether the session is over.
func (ss *session) tick(now time.Time) (over bool) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	c := ss.conn
	if c == nil {
		return ss.overLocked(now)
	}
	if now.Sub(time.Unix(0, c.heard.Load())) >= silence {
		c.kill()
		return false
	}
	if ss.asks && now.Sub(ss.askedAt) >= askEvery {
		ss.askedAt = now
		c.send(wire.Frame("ReqKeepAlive", nil))
	}
	ss.tellOfTokenLocked(now)
	if ss.fetch.holding() && now.After(ss.fetch.until) {
		ss.fetch.until = time.Time{} // it does not fetch: all goes to its connection
	}
	if ss.out.news || len(ss.out.live) > 0 {
		ss.wakeLocked()
	}
	return false
}

// over tells whether nobody has come back to a session in time.
func (ss *session) over(now time.Time) bool {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return ss.overLocked(now)
}

func (ss *session) overLocked(now time.Time) bool {
	return ss.conn == nil && !ss.ended && now.Sub(ss.brokenAt) >= grace
}

// tellOfTokenLocked tells the client that its token ends, and that it has. The connection
// stands all the same.
func (ss *session) tellOfTokenLocked(now time.Time) {
	token := &ss.token
	switch {
	case token.until.IsZero() || token.until.Unix() <= 0:
	case !token.toldOver && now.After(token.until):
		token.toldOver = true
		ss.conn.send(wire.Frame("AcsTokenDidExpire", nil))
	case !token.warned && now.After(token.until.Add(-tokenWarning)):
		token.warned = true
		ss.conn.send(wire.Frame("AcsTokenWillExpire", nil))
	}
}
