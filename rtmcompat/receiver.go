package rtmcompat

import (
	"context"
	"errors"
	"fmt"

	"github.com/chappe-im/chappe/todevice"
)

// A receiver is where a peer message goes.
type receiver struct {
	user todevice.UserID
	// remote is true for a user of another server, of whom no more is known.
	remote bool
	// online is true if a device of a local user was there a moment ago.
	online bool
	// devices are the IDs to address: todevice.AllDevices of a user of another server,
	// those now online of a local one.
	devices []string
	// class is that of a message to them.
	class todevice.Class
	// others is true if the message is kept for devices that are not online, as one of
	// the latest.
	others bool
}

// receiver finds the receiver of a message. An uid of the app that messages shall
// be kept for is made a user with a device, if it is none yet: there would be
// nothing to keep them in.
func (s *Server) receiver(ctx context.Context, app App, m peerMessage) (receiver, error) {
	user, full := matrixID(m.destination)
	if !full {
		var err error
		if user, err = s.userOf(app, "destination", m.destination); err != nil {
			return receiver{}, err
		}
	}
	if user.Server != s.name {
		return receiver{user: user, remote: true, devices: []string{todevice.AllDevices}}, nil
	}
	if m.keep && !full {
		// A user who was deactivated gets nothing, and no device.
		_, err := s.store.EnsureDevice(ctx, user.Localpart, DeviceID)
		if err != nil && !errors.Is(err, todevice.ErrUserDeactivated) {
			return receiver{}, fmt.Errorf("make the device of an RTM user: %w", err)
		}
	}
	to := receiver{user: user, devices: s.notifier.OnlineDevices(user.Localpart), class: todevice.OnlineOnly}
	to.online = len(to.devices) > 0
	switch {
	case m.keep:
		devices, err := s.store.UserDevices(ctx, user.Localpart)
		if err != nil {
			return receiver{}, fmt.Errorf("find the devices of a receiver: %w", err)
		}
		to.class, to.others = todevice.KeepConfirmed, len(to.devices) < len(devices)
	case m.key != "":
		to.class = todevice.KeepConfirmed // its repetition asks whether it was confirmed
	}
	return to, nil
}
