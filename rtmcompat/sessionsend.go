package rtmcompat

import (
	"context"

	"github.com/chappe-im/chappe/todevice"
)

// A PeerMessage is what a session sends to one user.
type PeerMessage struct {
	From        string // the uid of the session
	Destination string // an uid of the app, or a full Matrix user ID
	Payload     string
	// Offline is true if a receiver that is offline gets the message later.
	Offline bool
	// Historical is true if the message is kept for the app's history.
	Historical bool
}

// SendPeer sends a message, and gives what [Server.Delivered] waits for. A refusal is of
// the caller's message; other errors are the server's.
func (s *Server) SendPeer(ctx context.Context, app App, m PeerMessage) (*todevice.RTMAnswer, error) {
	from, err := s.userOf(app, "the uid", m.From)
	if err != nil {
		return nil, err
	}
	return s.sendOnce(ctx, caller{app: app}, from,
		peerMessage{from: m.From, destination: m.Destination, payload: m.Payload, keep: m.Offline, record: m.Historical}, nil)
}

// Delivered waits until a device of the receiver has confirmed a message, and tells
// whether that was in time.
func (s *Server) Delivered(ctx context.Context, sent *todevice.RTMAnswer) bool {
	return s.await(ctx, *sent) == messageDelivered
}
