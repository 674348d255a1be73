package guests

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/chappe-im/chappe/rtmcompat/channels"
	"github.com/chappe-im/chappe/todevice"
)

// A Saying is what somebody says in a channel by other means than a session.
type Saying struct {
	App, Channel string
	UID          string
	User         todevice.UserID // who the uid is
	Payload      string
	// Record has it kept for the app's history.
	Record bool
}

// Say gives a message to all members but those of its sender's uid, and tells that it
// would survive a crash where it is for guests. The request, where it is not nil, is
// remembered with it: its repetition gives what was accepted before, and nothing is said
// again. It fails with todevice.ErrKeyReused, and with todevice.ErrContentTooLarge if the
// payload is too long once it is escaped, whoever is there.
func (s *Service) Say(ctx context.Context, say Saying, request *todevice.RTMRequest) (todevice.Accepted, error) {
	app := s.app(say.App)
	if app == nil {
		return todevice.Accepted{}, fmt.Errorf("no app %q has channels", say.App)
	}
	turn := s.hub.Turn(say.App, say.Channel)
	defer turn.End()
	now := time.Now().Truncate(time.Millisecond)
	send, err := app.message(turn.Guests(), say.Channel, person{say.UID, say.User}, say.Payload, now)
	if err != nil {
		return todevice.Accepted{}, err
	}
	batch := todevice.Batch{Source: todevice.Source{RTM: request}}
	if len(send.Messages) > 0 {
		batch.Sends = []todevice.Send{send}
	}
	if say.Record {
		batch.Records = []todevice.RTMRecord{{App: say.App, Source: say.User, Channel: say.Channel, Payload: say.Payload, At: now}}
	}
	accepted, err := s.accept(ctx, app, batch)
	if err != nil || accepted.Repeated {
		return accepted, err
	}
	turn.Say(channels.Message{From: say.UID, MsgID: 1e12 + rand.Int64N(9e12), Body: say.Payload, At: now})
	return accepted, nil
}

// accept sends a batch in its order if it is for anybody, and else only remembers it.
func (s *Service) accept(ctx context.Context, app *served, b todevice.Batch) (todevice.Accepted, error) {
	switch {
	case len(b.Sends) > 0:
		return app.post.send(ctx, b)
	case !b.Empty():
		return s.sender.Send(ctx, b)
	default:
		return todevice.Accepted{}, nil
	}
}
