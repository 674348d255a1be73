package rtmcompat

import (
	"context"

	"github.com/chappe-im/chappe/todevice"
)

// allowedQuery gives what a filter asks for, as far as the caller may read it.
func (s *Server) allowedQuery(ctx context.Context, c caller, f historyFilter) (todevice.RTMQuery, error) {
	q := todevice.RTMQuery{App: c.app.ID, From: f.from, Until: f.until}
	var err error
	if f.source != "" {
		if q.Source, err = s.filterUser(c, "source", f.source); err != nil {
			return q, err
		}
	}
	if f.destination != "" {
		// What no user can be called is a channel still.
		q.To, err = s.filterUser(c, "destination", f.destination)
		if validUID(f.destination) {
			q.Channel, err = f.destination, nil
		}
		if err != nil {
			return q, err
		}
	}
	if c.uid == "" || c.app.OpenHistory {
		return q, nil
	}
	return s.userQuery(ctx, c, q)
}

// filterUser gives the user that a name in a filter means. The caller's own uid is an
// uid in any case.
func (s *Server) filterUser(c caller, field, name string) (todevice.UserID, error) {
	if user, full := matrixID(name); full && name != c.uid {
		return user, nil
	}
	return s.userOf(c.app, field, name)
}

// userQuery narrows a query to what the user of a token may read: what they sent and what
// they were sent, and channels they are or were in.
func (s *Server) userQuery(ctx context.Context, c caller, q todevice.RTMQuery) (todevice.RTMQuery, error) {
	user, err := s.userOf(c.app, "the uid of the token", c.uid)
	if err != nil || q.Source == user {
		return q, err
	}
	if q.To != user {
		q.To = todevice.UserID{}
	}
	if q.Channel != "" {
		was, err := s.store.WasInChannel(ctx, c.app.ID, user, q.Channel)
		if err != nil {
			return q, err
		}
		if !was {
			q.Channel = ""
		}
	}
	if q.To == (todevice.UserID{}) && q.Channel == "" {
		return q, unauthorized("the token lets its user read what they sent or were sent, and channels they are or were in", errOthersHistory)
	}
	return q, nil
}
