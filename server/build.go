package server

import (
	"context"

	"github.com/matrix-org/gomatrixserverlib/spec"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"github.com/chappe-im/chappe/clientapi"
	"github.com/chappe-im/chappe/clientapi/keybackup"
	"github.com/chappe-im/chappe/clientapi/keys"
	"github.com/chappe-im/chappe/clientapi/limits"
	"github.com/chappe-im/chappe/clientapi/rooms"
	"github.com/chappe-im/chappe/clientapi/userdata"
	"github.com/chappe-im/chappe/config"
	"github.com/chappe-im/chappe/federationapi"
	"github.com/chappe-im/chappe/federationapi/devicelists"
	"github.com/chappe-im/chappe/federationapi/queue"
	"github.com/chappe-im/chappe/federationapi/remote"
	"github.com/chappe-im/chappe/federationapi/signing"
	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/relay"
	"github.com/chappe-im/chappe/rtmcompat"
	"github.com/chappe-im/chappe/rtmcompat/channels"
	"github.com/chappe-im/chappe/rtmcompat/channels/attributes"
	"github.com/chappe-im/chappe/rtmcompat/sessions"
	"github.com/chappe-im/chappe/rtmcompat/webhooks"
	"github.com/chappe-im/chappe/storage/sqlite"
	"github.com/chappe-im/chappe/syncapi"
	"github.com/chappe-im/chappe/todevice"
)

// A building is a server while it is put together, from the store upwards, with what
// its parts need of each other.
type building struct {
	*Server
	env      Environment
	cfg      config.Config
	registry *prometheus.Registry
	notifier *relay.Notifier
	key      signing.Key
	oldKeys  []signing.OldKey
	peers    remote.Config
	messages *relay.Relay
	accounts *clientapi.Server
	apps     *keptApps
	channels *channels.Hub
}

// part gives the log of one part.
func (b *building) part(name string) *logrus.Entry { return b.log.WithField("part", name) }

func (b *building) openStore() (err error) {
	wake := func(servers []spec.ServerName) { b.queue.Wake(servers) } // nothing changes before there is one
	b.store, err = openStore(b.cfg, sqlite.Options{
		Driver: b.env.Driver, Now: b.env.Now, Waiting: wake, Changed: b.notifier.WakeUsers,
		Webhooks: storedWebhooks(b.cfg), RTMEvents: b.wakeRTM,
		// No message is confirmed before there is the door.
		RTMMessage: func(to todevice.UserID, event []byte) (todevice.RTMEvent, bool) { return b.rtm.MessageEvent(to, event) },
	})
	return err
}

// wakeRTM tells those who wait for them that RTM apps have new events.
func (b *building) wakeRTM(apps []string) {
	b.notifier.WakeRTMEvents(apps)
	b.webhooks.Wake(apps)
}

// connectWebhooks makes what tells webhooks of RTM events. It comes before all that
// records some.
func (b *building) connectWebhooks() (err error) {
	b.webhooks, err = webhooks.New(webhooks.Config{
		Hooks: rtmWebhooks(b.cfg), AllowPrivateAddresses: b.cfg.RTM.AllowPrivateAddresses, Now: b.env.Now, Chance: b.env.Chance,
	}, b.store, b.part("webhooks"), b.registry)
	return err
}

// connectPeers makes the way to other servers, and the relay, from which messages take
// it.
func (b *building) connectPeers() (err error) {
	if b.key, b.oldKeys, err = loadKeys(b.cfg); err != nil {
		return err
	}
	if b.peers, err = remoteConfig(b.cfg); err != nil {
		return err
	}
	b.peers.Transport = b.env.Transport
	b.client = remote.New(b.peers, b.cfg.ServerName, b.key)
	b.queue = queue.New(queue.Config{
		Name: b.cfg.ServerName, MaxBackoff: b.cfg.Federation.MaxBackoff, Now: b.env.Now, Chance: b.env.Chance,
	}, b.store, b.client, b.part("federation"), b.registry)
	b.lists = devicelists.New(b.store, asking{b.client, b.queue}, b.env.Chance, b.part("federation"))
	b.messages = relay.New(b.store, b.cfg.ServerName, b.peers.Servers, b.notifier, b.queue, b.registry)
	return nil
}

// openClientDoors makes what answers clients and users of the RTM API. The router tries
// paths in this order, so the busiest come first.
func (b *building) openClientDoors() {
	b.clients, b.proxies = httpapi.NewRouter(), b.cfg.Client.Proxies()
	others, log := asking{b.client, b.queue}, b.part("client")
	settings := clientConfig(b.cfg)
	if b.cfg.RateLimits.Enabled {
		settings.Limits = limits.New(limits.Config{
			SendsPerSecond: b.cfg.RateLimits.SendsPerSecond, SendBurst: b.cfg.RateLimits.SendBurst,
		}, b.registry)
	}
	b.openRTM() // first, as its paths have few prefixes: others are soon past them
	syncapi.New(b.store, b.notifier, b.part("sync")).Routes(b.clients)
	b.accounts = clientapi.New(settings, b.store, b.messages, b.notifier, others, log)
	b.accounts.Routes(b.clients)
	keys.New(keys.Config{ServerName: b.cfg.ServerName, Password: b.accounts.PasswordStage, Limits: settings.Limits},
		b.store, b.notifier, others, log).Routes(b.clients)
	userdata.New(b.store, log).Routes(b.clients)
	keybackup.New(b.store, log).Routes(b.clients)
	rooms.New(b.cfg.ServerName, b.store, log).Routes(b.clients)
	b.apps = &keptApps{cfg: b.cfg, door: b.rtm, accounts: b.accounts}
}

// openRTM makes what answers users of the RTM API, and their client SDK.
func (b *building) openRTM() {
	b.openChannels()
	door := rtmConfig(b.cfg)
	if b.cfg.RateLimits.Enabled {
		door.Limits = rtmcompat.NewLimits(b.registry)
	}
	b.rtm = rtmcompat.New(door, b.store, b.messages, b.notifier, b.channels, b.part("rtm"))
	b.rtm.Routes(b.clients)
	b.sessions = sessions.New(sessions.Config{Address: b.cfg.RTM.SessionAddress, Limited: b.cfg.RateLimits.Enabled},
		b.rtm, b.store, b.notifier, b.channels, b.attributes, b.part("rtm"), b.registry)
	b.sessions.Routes(b.clients)
}

// openChannels makes the channels of RTM apps.
func (b *building) openChannels() {
	b.channels = channels.New(
		channels.OnEnd(func(app, channel string) { b.attributes.Ended(app, channel) }),
		channels.TellGuests(func(h channels.Happening) { b.rtm.TellGuests(h) }))
	b.attributes = attributes.New(b.store, b.channels, b.part("rtm"))
}

// openServerDoor makes what answers other servers.
func (b *building) openServerDoor() {
	b.servers = httpapi.NewRouter()
	b.inbound = federationapi.New(federationapi.Config{
		Name: b.cfg.ServerName, Key: b.key, OldKeys: b.oldKeys, Servers: b.peers.Servers, Notaries: b.cfg.Federation.Notaries,
		LimitRates: b.cfg.RateLimits.Enabled, Version: Version, Now: b.env.Now,
	}, b.store, b.messages, b.notifier, b.lists, b.client, alive{b.queue, b.lists}, b.part("federation"), b.registry)
	b.inbound.Routes(b.servers)
}

// listenAll binds the addresses that are configured.
func (b *building) listenAll() error {
	if b.cfg.Client.Listen != "" {
		if err := b.listen("client", b.cfg.Client.Listen, b.ClientHandler()); err != nil {
			return err
		}
	}
	if b.cfg.Federation.Listen != "" {
		certificate, err := certificate(b.cfg, b.log)
		if err != nil {
			return err
		}
		if err := b.listenTLS("federation", b.cfg.Federation.Listen, b.FederationHandler(), certificate); err != nil {
			return err
		}
		if b.env.Transport == nil {
			b.ownName = newOwnName(b.cfg.ServerName, b.key, b.client.OwnKeys, b.part("federation"), b.registry)
		}
	}
	if b.cfg.Metrics.Listen != "" {
		if err := b.listen("metrics", b.cfg.Metrics.Listen, metricsHandler(b.registry)); err != nil {
			return err
		}
	}
	if len(b.listeners) == 0 {
		return nil
	}
	if err := b.listenControl(controlPath(b.cfg), b.accounts, b.apps); err != nil {
		return err
	}
	// A command that changed the apps since the configuration was read could not tell it.
	return b.apps.reload(context.Background(), struct{}{})
}

func clientConfig(cfg config.Config) clientapi.Config {
	return clientapi.Config{
		ServerName:       cfg.ServerName,
		BaseURL:          cfg.Client.BaseURL,
		OpenRegistration: cfg.Registration.Open,
		SharedSecret:     cfg.Registration.SharedSecret,
		ReservedPrefixes: userPrefixes(cfg),
		TURN:             clientapi.TURN(cfg.TURN),
	}
}

func rtmConfig(cfg config.Config) rtmcompat.Config {
	out := rtmcompat.Config{ServerName: cfg.ServerName}
	for _, app := range cfg.RTM.Apps {
		a := rtmcompat.App{ID: app.ID, Certificate: app.Certificate, Namespace: app.UserPrefix(), OpenHistory: app.OpenHistory, OpenEvents: app.OpenEvents}
		a.ChannelCodeWithSpace = app.ChannelCodeWithSpace
		a.Rates = rtmcompat.Rates(app.Limits.Rates())
		for _, key := range app.Keys {
			a.Keys = append(a.Keys, rtmcompat.Key{Key: key.Key, Secret: key.Secret})
		}
		out.Apps = append(out.Apps, a)
	}
	return out
}

func rtmWebhooks(cfg config.Config) (hooks []webhooks.Hook) {
	for _, app := range cfg.RTM.Apps {
		for _, w := range app.Webhooks {
			hook := webhooks.Hook{App: app.ID, URL: w.URL, Secret: w.Secret}
			for _, name := range w.Events {
				hook.Events = append(hook.Events, todevice.RTMEventType(name))
			}
			hooks = append(hooks, hook)
		}
	}
	return hooks
}

func storedWebhooks(cfg config.Config) (stored []todevice.RTMWebhook) {
	for _, hook := range rtmWebhooks(cfg) {
		stored = append(stored, hook.Stored())
	}
	return stored
}
