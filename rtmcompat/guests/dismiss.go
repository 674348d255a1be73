package guests

import (
	"context"
	"time"

	"github.com/chappe-im/chappe/todevice"
)

// dismissOld ends the membership of guests that were not heard of for too long, or are no
// users any more.
func (s *Service) dismissOld(ctx context.Context, app *served, now time.Time) error {
	all, err := s.store.ChannelGuests(ctx, app.ID, time.Time{})
	if err != nil {
		return err
	}
	old, err := s.store.ChannelGuests(ctx, app.ID, now.Add(-keepGuest))
	if err != nil {
		return err
	}
	stay := make(map[todevice.ChannelGuest]bool, len(all))
	for _, g := range all {
		stay[g] = true
	}
	for _, g := range old {
		delete(stay, g)
	}
	for channel, uids := range s.hub.Guests(app.ID) {
		for _, uid := range uids {
			user, err := todevice.ParseUserID(uid)
			g := todevice.ChannelGuest{Channel: todevice.Channel{App: app.ID, Name: channel}, User: user}
			if err == nil && !stay[g] {
				err = s.dismiss(ctx, app, g)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Service) dismiss(ctx context.Context, app *served, g todevice.ChannelGuest) error {
	turn := s.hub.Turn(app.ID, g.Channel.Name)
	defer turn.End()
	who := person{uid: g.User.String(), user: g.User}
	send, err := app.farewell(turn, g.Channel.Name, who)
	if err != nil {
		return err
	}
	batch := todevice.Batch{Guests: []todevice.ChannelGuestChange{{ChannelGuest: g, Left: true}}}
	if len(send.Messages) > 0 {
		batch.Sends = []todevice.Send{send}
	}
	if _, err := app.post.send(ctx, batch); err != nil {
		return err
	}
	turn.Dismiss(who.uid)
	app.left(g.User)
	return nil
}
