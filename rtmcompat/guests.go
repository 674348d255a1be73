package rtmcompat

import (
	"context"

	"github.com/chappe-im/chappe/rtmcompat/channels"
	"github.com/chappe-im/chappe/rtmcompat/guests"
	"github.com/chappe-im/chappe/todevice"
)

// Run does what Matrix users ask of channels, and tells them what happens there, until
// ctx ends.
func (s *Server) Run(ctx context.Context) error { return s.guests.Run(ctx) }

// TellGuests has Matrix users be told of what happens in a channel. It does not block.
func (s *Server) TellGuests(h channels.Happening) { s.guests.Tell(h) }

// guestApps gives the apps as their guests need them.
func (s *Server) guestApps() (apps []guests.App) {
	for _, app := range s.directory.Load().apps {
		apps = append(apps, guests.App{
			ID:           app.ID,
			Service:      s.serviceUser(app),
			DeviceID:     DeviceID,
			User:         func(uid string) (todevice.UserID, error) { return s.userOf(app, "the uid", uid) },
			ValidChannel: validUID,
		})
	}
	return apps
}

// serviceUser is to whom Matrix users send what is for the app's channels.
func (s *Server) serviceUser(app App) todevice.UserID {
	return todevice.UserID{Localpart: app.Namespace + guests.ServiceUID, Server: s.name}
}
