package guests

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/chappe-im/chappe/rtmcompat/channels"
	"github.com/chappe-im/chappe/todevice"
)

// retryAfter is how long it is waited after a fault of the database.
const retryAfter = time.Second

// maxPayload is the greatest length of a payload in bytes of UTF-8.
const maxPayload = 32768

// crowd is the number of members above which nobody is told who comes and goes.
const crowd = 512

// serve does what guests of an app ask for, until ctx ends.
func (s *Service) serve(ctx context.Context, app *served) {
	if app.Service == (todevice.UserID{}) {
		return
	}
	var device todevice.Device
	begin := func() (err error) {
		device, err = s.begin(ctx, app)
		if errors.Is(err, todevice.ErrUserDeactivated) {
			s.log.Warn("the service user of an app's channels is deactivated: no Matrix users can be in them")
			return nil
		}
		return err
	}
	if !s.untilDone(ctx, "begin", begin) || device.Inbox == 0 {
		return
	}
	woken, leave := s.waiter.Wait(device)
	defer leave()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		if !s.untilDone(ctx, "do what guests ask for", func() error { return s.take(ctx, app, device) }) {
			return
		}
		select {
		case <-woken:
		case now := <-look.C:
			if !s.untilDone(ctx, "end what guests left", func() error { return s.dismissOld(ctx, app, now) }) {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// untilDone repeats something until it succeeds. It is false if ctx ends before.
func (s *Service) untilDone(ctx context.Context, what string, do func() error) bool {
	for {
		err := do()
		if err == nil {
			return true
		}
		if ctx.Err() == nil {
			s.log.WithError(err).Error("could not " + what + " in channels; will try again")
		}
		select {
		case <-time.After(retryAfter):
		case <-ctx.Done():
			return false
		}
	}
}

// begin makes the service user, and lets in who was a guest before the start.
func (s *Service) begin(ctx context.Context, app *served) (todevice.Device, error) {
	device, err := s.store.EnsureDevice(ctx, app.Service.Localpart, app.DeviceID)
	if err != nil {
		return device, err
	}
	guests, err := s.letIn(ctx, app.ID)
	app.rooms = make(map[todevice.UserID]int)
	for _, g := range guests {
		app.rooms[g.User]++
	}
	return device, err
}

// take does what waits in the inbox of the service user.
func (s *Service) take(ctx context.Context, app *served, device todevice.Device) error {
	for {
		events, _, err := s.store.Pending(ctx, device.Inbox, 0)
		if err != nil || len(events) == 0 {
			return err
		}
		for _, event := range events {
			at := todevice.Delivery{Inbox: device.Inbox, Position: event.Position}
			asked, ok := read(app.App, event.JSON)
			if ok {
				err = s.do(ctx, app, asked, at)
			}
			if !ok || errors.Is(err, todevice.ErrContentTooLarge) {
				_, err = s.store.Confirm(ctx, at.Inbox, at.Position) // it will never be one that can be done
			}
			if err != nil {
				return err
			}
		}
	}
}

// A wish is what a guest asks for.
type wish struct {
	guest   todevice.UserID
	what    string // the type of the event
	channel string
	payload string
}

// read reads an event from the inbox of the service user. ok is false if it asks for
// nothing that can be done.
func read(app App, event []byte) (w wish, ok bool) {
	var e struct {
		Type    string `json:"type"`
		Sender  string `json:"sender"`
		Content struct {
			AppID   *string `json:"app_id"`
			Channel string  `json:"channel"`
			Payload string  `json:"payload"`
		} `json:"content"`
	}
	if json.Unmarshal(event, &e) != nil {
		return w, false
	}
	guest, err := todevice.ParseUserID(e.Sender)
	w = wish{guest: guest, what: e.Type, channel: e.Content.Channel, payload: e.Content.Payload}
	switch {
	case err != nil, guest == app.Service, !app.ValidChannel(w.channel), e.Content.AppID != nil && *e.Content.AppID != app.ID:
		return w, false
	case w.what == Say:
		return w, w.payload != "" && len(w.payload) <= maxPayload
	default:
		return w, w.what == Join || w.what == Leave
	}
}

// do does what a guest asks for, and takes it from the inbox.
func (s *Service) do(ctx context.Context, app *served, w wish, at todevice.Delivery) error {
	turn := s.hub.Turn(app.ID, w.channel)
	defer turn.End()
	who := person{uid: w.guest.String(), user: w.guest}
	is := turn.Has(who.uid)
	change := todevice.ChannelGuestChange{ChannelGuest: todevice.ChannelGuest{
		Channel: todevice.Channel{App: app.ID, Name: w.channel}, User: w.guest,
	}}
	batch := todevice.Batch{Source: todevice.Source{Taken: at}}
	now := time.Now()
	var send todevice.Send
	var err error
	switch {
	case w.what == Say && is:
		send, err = app.message(turn.Guests(), w.channel, who, w.payload, now)
		batch.Guests = append(batch.Guests, change)
	case w.what == Join && (is || app.rooms[w.guest] < maxRooms):
		send, err = app.welcome(turn, w.channel, who, is)
		batch.Guests = append(batch.Guests, change)
	case w.what == Leave && is:
		send, err = app.farewell(turn, w.channel, who)
		change.Left = true
		batch.Guests = append(batch.Guests, change)
	}
	if err != nil {
		return err
	}
	if len(send.Messages) > 0 {
		batch.Sends = append(batch.Sends, send)
	}
	accepted, err := app.post.send(ctx, batch)
	if err != nil || accepted.Repeated {
		return err
	}
	switch {
	case w.what == Say && is:
		turn.Say(channels.Message{From: who.uid, MsgID: messageNumber(at), Body: w.payload, At: now})
	case w.what == Join && len(batch.Guests) > 0 && !is:
		turn.Admit(who.uid)
		app.rooms[w.guest]++
	case w.what == Leave && is:
		turn.Dismiss(who.uid)
		app.left(w.guest)
	}
	return nil
}

// left notes that a guest is in one channel less.
func (a *served) left(guest todevice.UserID) {
	if a.rooms[guest]--; a.rooms[guest] <= 0 {
		delete(a.rooms, guest)
	}
}
