// Package guests lets Matrix users, of this server or any other, into the channels of RTM
// apps without a session. Each app has a service user, @<namespace>channels:<server>.
// What a Matrix user sends to it as to-device events is done in the app's channels, and
// what happens there it sends to those users as to-device events, in the order in which
// the sessions have it.
//
// What a guest says, comes and goes is done once, whenever the process ends: the commit
// that takes the event from the service user's inbox has the messages to the other
// guests. Sessions are given it right after that commit; those whose connections the end
// of the process breaks in between do not get it.
package guests

import (
	"context"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/chappe-im/chappe/rtmcompat/channels"
	"github.com/chappe-im/chappe/todevice"
)

// The types of the to-device events. A guest sends the first three to the service user,
// with the channel, app_id if it likes, and in a message the payload. It gets the last
// three, with app_id, channel, from (the sender as the app's users know it), sender (its
// Matrix ID) and server_ts (Unix milliseconds); a message with payload and message_id,
// the others with members, the number there are then.
const (
	Join    = "im.chappe.rtm.channel.join"
	Leave   = "im.chappe.rtm.channel.leave"
	Say     = "im.chappe.rtm.channel.message"
	Message = "im.chappe.rtm.channel_message"
	Joined  = Join
	Left    = Leave
)

// ServiceUID is the uid of the service user of each app. Nobody may log in or send by it.
const ServiceUID = "channels"

const (
	// keepGuest is how long somebody is a guest who says nothing and does not join again.
	keepGuest = 24 * time.Hour
	// lookEvery is how often it is looked for those who are to go.
	lookEvery = time.Minute
)

// Store is what is needed of storage.
type Store interface {
	EnsureDevice(ctx context.Context, localpart, deviceID string) (todevice.Device, error)
	Pending(ctx context.Context, inbox todevice.InboxID, after todevice.Position) (events []todevice.Event, more bool, err error)
	// Confirm removes messages that were read.
	Confirm(ctx context.Context, inbox todevice.InboxID, upTo todevice.Position) (int, error)
	// ChannelGuests gives the guests that were last heard of before a time, all for the
	// zero time.
	ChannelGuests(ctx context.Context, app string, before time.Time) ([]todevice.ChannelGuest, error)
}

// Sender accepts messages; they would survive a crash once it returns.
type Sender interface {
	Send(context.Context, todevice.Batch) (todevice.Accepted, error)
}

// Waiter tells when something comes for a device.
type Waiter interface {
	Wait(todevice.Device) (woken <-chan struct{}, leave func())
}

// An App is an RTM app as guests need it.
type App struct {
	ID string
	// Service is the app's service user, and DeviceID its one device.
	Service  todevice.UserID
	DeviceID string
	// User gives the Matrix user that an uid is.
	User func(uid string) (todevice.UserID, error)
	// ValidChannel tells whether a channel may have this name.
	ValidChannel func(name string) bool
}

// A Service has the guests of all apps. Its methods may be called from any goroutine.
type Service struct {
	apps   map[string]App
	store  Store
	sender Sender
	waiter Waiter
	hub    *channels.Hub
	log    *logrus.Entry
	posts  map[string]*post // by the app
}

// New makes the service. Until Run is called there are no guests.
func New(apps []App, store Store, sender Sender, waiter Waiter, hub *channels.Hub, log *logrus.Entry) *Service {
	s := &Service{
		apps: make(map[string]App), store: store, sender: sender, waiter: waiter, hub: hub, log: log, posts: make(map[string]*post),
	}
	for _, app := range apps {
		s.apps[app.ID] = app
		s.posts[app.ID] = &post{sender: sender, log: log, news: make(chan struct{}, 1)}
	}
	return s
}

// Run does what guests ask for, and tells them what happens, until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	var group sync.WaitGroup
	defer group.Wait()
	for _, app := range s.apps {
		group.Go(func() { s.posts[app.ID].run(ctx) })
		group.Go(func() { s.serve(ctx, app) })
	}
	return nil
}

// Tell has guests be told of something that happens in their channel. It does not block.
func (s *Service) Tell(h channels.Happening) {
	if app, ok := s.apps[h.App]; ok {
		s.posts[app.ID].put(func() (todevice.Send, error) { return app.telling(h) })
	}
}
