package rtmcompat

import (
	"context"

	"github.com/chappe-im/chappe/rtmcompat/channels"
	"github.com/chappe-im/chappe/rtmcompat/guests"
	"github.com/chappe-im/chappe/todevice"
)

// Restore lets the Matrix users into channels who were there when the process ended. It
// comes before any request.
func (s *Server) Restore(ctx context.Context) error { return s.guests.Restore(ctx) }

// Run does what Matrix users ask of channels, and tells them what happens there, until
// ctx ends.
func (s *Server) Run(ctx context.Context) error { return s.guests.Run(ctx) }

// TellGuests has Matrix users be told of what happens in a channel. It does not block.
func (s *Server) TellGuests(h channels.Happening) { s.guests.Tell(h) }

// guestApps gives apps as their guests need them. One whose service user cannot be has
// no guests.
func (s *Server) guestApps(list []App) (apps []guests.App) {
	for _, app := range list {
		service := s.serviceUser(app)
		if !todevice.ValidLocalpart(service.Localpart, s.name) || s.directory.Load().apps.belongsToAnother(app, service.Localpart) {
			s.log.WithField("app", app.ID).Warn("the service user of an app's channels has a name that cannot be: no Matrix users can be in them")
			service = todevice.UserID{}
		}
		apps = append(apps, guests.App{
			ID:           app.ID,
			Service:      service,
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
