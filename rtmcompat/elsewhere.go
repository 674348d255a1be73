package rtmcompat

import (
	"context"
	"fmt"

	"github.com/chappe-im/chappe/rtmcompat/guests"
	"github.com/chappe-im/chappe/todevice"
)

// Elsewhere tells whether a channel of this name is one of another server, of which
// sessions here are guests.
func (s *Server) Elsewhere(channel string) bool {
	_, _, ok := guests.Elsewhere(channel, s.name)
	return ok
}

// AskElsewhere has a user of the app join or leave a channel of another server, or say
// something there: guests.Join, Leave or Say. It returns once that would survive a crash.
func (s *Server) AskElsewhere(ctx context.Context, app App, from todevice.UserID, eventType, channel, payload string) error {
	room, server, ok := guests.Elsewhere(channel, s.name)
	if !ok {
		return fmt.Errorf("%q is no channel of another server", channel)
	}
	service := s.serviceUser(app)
	service.Server = server
	batch, err := guests.Asking(app.ID, from, service, eventType, room, payload)
	if err != nil {
		return err
	}
	accepted, err := s.sender.Send(ctx, batch)
	if err == nil && accepted.Skipped.DeniedServers > 0 {
		err = fmt.Errorf("this server has nothing to do with %s", server)
	}
	return err
}

// HeardElsewhere reads an event from the inbox of a user of the app: what happens in a
// channel of another server, and the channel's name here. It is told by that server's
// service user of the app, and nobody else.
func (s *Server) HeardElsewhere(app App, event []byte) (channel string, heard guests.Heard, ok bool) {
	heard, ok = guests.ReadHeard(event)
	service := s.serviceUser(app)
	service.Server = heard.Service.Server
	if !ok || heard.Service != service || heard.AppID != app.ID || service.Server == s.name {
		return "", heard, false
	}
	return "#" + heard.Channel + ":" + string(service.Server), heard, true
}
