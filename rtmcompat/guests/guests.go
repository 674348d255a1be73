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
	// maxRooms is how many channels of an app one guest may be in, as a session.
	maxRooms = 20
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
	// Service is the app's service user, and DeviceID its one device. Without a service user
	// there are no guests.
	Service  todevice.UserID
	DeviceID string
	// User gives the Matrix user that an uid is.
	User func(uid string) (todevice.UserID, error)
	// ValidChannel tells whether a channel may have this name.
	ValidChannel func(name string) bool
}

// A Service has the guests of all apps. Its methods may be called from any goroutine.
type Service struct {
	store   Store
	sender  Sender
	waiter  Waiter
	hub     *channels.Hub
	log     *logrus.Entry
	changed chan struct{} // gets a value when there are other apps

	mu   sync.Mutex
	apps map[string]*served // by their IDs; guarded by mu
}

// A served is an app and the messages to its guests.
type served struct {
	App
	post post
	// rooms counts the channels of each guest. It is serve's alone.
	rooms map[todevice.UserID]int
}

// New makes the service of no apps. Until Restore or Run is called there are no guests.
func New(store Store, sender Sender, waiter Waiter, hub *channels.Hub, log *logrus.Entry) *Service {
	return &Service{
		store: store, sender: sender, waiter: waiter, hub: hub, log: log,
		changed: make(chan struct{}, 1), apps: make(map[string]*served),
	}
}

// SetApps has the service know these apps and no others from now on.
func (s *Service) SetApps(list []App) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.apps
	s.apps = make(map[string]*served, len(list))
	for _, app := range list {
		if old := before[app.ID]; old != nil && old.Service == app.Service {
			s.apps[app.ID] = old
			continue
		}
		s.apps[app.ID] = &served{App: app, post: post{sender: s.sender, log: s.log, news: make(chan struct{}, 1)}}
	}
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// Restore lets in who was a guest when the process ended. It comes before anybody can say
// anything: what was said with no guest there would be told to none.
func (s *Service) Restore(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.apps {
		if _, err := s.letIn(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// letIn makes those guests of an app's channels who are known to be, and gives them.
func (s *Service) letIn(ctx context.Context, app string) ([]todevice.ChannelGuest, error) {
	guests, err := s.store.ChannelGuests(ctx, app, time.Time{})
	for _, g := range guests {
		s.hub.Guest(app, g.Channel.Name, g.User.String())
	}
	return guests, err
}

// app gives an app by its ID, nil where there is none.
func (s *Service) app(id string) *served {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.apps[id]
}

// Run does what guests ask for, and tells them what happens, until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	var group sync.WaitGroup
	defer group.Wait()
	running := make(map[*served]context.CancelFunc)
	for {
		select {
		case <-s.changed:
			s.follow(ctx, &group, running)
		case <-ctx.Done():
			return nil
		}
	}
}

// follow serves the apps there are, and ends serving those that are gone.
func (s *Service) follow(ctx context.Context, group *sync.WaitGroup, running map[*served]context.CancelFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for app, stop := range running {
		if s.apps[app.ID] != app {
			stop()
			delete(running, app)
		}
	}
	for _, app := range s.apps {
		if running[app] == nil {
			serving, stop := context.WithCancel(ctx)
			running[app] = stop
			group.Go(func() { app.post.run(serving) })
			group.Go(func() { s.serve(serving, app) })
		}
	}
}

// Tell has guests be told of something that happens in their channel. It does not block.
func (s *Service) Tell(h channels.Happening) {
	if app := s.app(h.App); app != nil {
		app.post.put(func() (todevice.Send, error) { return app.telling(h) })
	}
}
