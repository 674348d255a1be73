package config

import (
	"strings"
	"time"
)

// RTM is the door for programs written for the RTM API.
type RTM struct {
	// Apps are those of the file, and behind them those that commands have made.
	Apps []RTMApp `yaml:"apps"`
	// SessionAddress is where clients of the SDK open their WebSocket, host:port; "" for
	// where they have found the gateway.
	SessionAddress string     `yaml:"session_address"`
	History        RTMHistory `yaml:"history"`
	// AllowPrivateAddresses admits loopback and private ranges as receivers of webhooks.
	AllowPrivateAddresses bool `yaml:"allow_private_addresses"`
}

// RTMHistory bounds what is kept of the messages of each app that are to be.
type RTMHistory struct {
	Keep time.Duration `yaml:"keep"`
	// MaxBytes counts payloads and names, and 256 bytes for each message.
	MaxBytes int64 `yaml:"max_bytes"`
}

// RTMApp is one RTM application. Its users are Matrix users under a prefix that
// no other app shares.
type RTMApp struct {
	// ID is 32 letters and digits.
	ID string `yaml:"app_id"`
	// Certificate is 32 letters and digits that sign the app's tokens; "" lets a
	// session log in without a token.
	Certificate string `yaml:"certificate"`
	// Namespace is nil where the file does not say; see [RTMApp.UserPrefix].
	Namespace *string   `yaml:"namespace"`
	Keys      []RTMKey  `yaml:"keys"`
	Limits    RTMLimits `yaml:"limits"`
	// OpenHistory lets each user of the app read its whole history.
	OpenHistory bool `yaml:"open_history"`
	// OpenEvents lets any user's token read the events of all users.
	OpenEvents bool `yaml:"open_events"`
	// ChannelCodeWithSpace writes the code of channel messages "message sent".
	ChannelCodeWithSpace bool         `yaml:"channel_code_with_space"`
	Webhooks             []RTMWebhook `yaml:"webhooks"`
	// Kept is true of an app that a command has made; see [Config.AddApp].
	Kept bool `yaml:"-"`
}

// RTMWebhook is where events of the app are sent.
type RTMWebhook struct {
	URL    string `yaml:"url"`
	Secret string `yaml:"secret"`
	// Events are types of todevice.RTMEventTypes.
	Events []string `yaml:"events"`
}

// RTMKey is a name and password with which a program of the operator's calls the
// REST API as any user of the app.
type RTMKey struct {
	Key    string `yaml:"key"`
	Secret string `yaml:"secret"`
}

// KeyNames lists the names of the keys.
func (a RTMApp) KeyNames() []string {
	var names []string
	for _, key := range a.Keys {
		names = append(names, key.Key)
	}
	return names
}

// UserPrefix is what the Matrix localparts of the app's users begin with: the
// namespace, or rtm_ and the beginning of the app ID where none is set. "" gives
// RTM users and Matrix users the same names.
func (a RTMApp) UserPrefix() string {
	if a.Namespace != nil {
		return *a.Namespace
	}
	return "rtm_" + strings.ToLower(a.ID[:min(8, len(a.ID))]) + "_"
}

// RTMLimits bound how often an app may make a call, in requests a second. Nil stands for
// the number that the vendors document, 0 for no limit. They count only where
// [RateLimits] are enabled.
type RTMLimits struct {
	PeerMessagesPerSecond    *int `yaml:"peer_messages_per_second"`
	ChannelMessagesPerSecond *int `yaml:"channel_messages_per_second"`
	// EventsPerSecond is for the events of users, and for those of channels.
	EventsPerSecond *int `yaml:"events_per_second"`
	// HistoryPerSecond is for each of the three calls.
	HistoryPerSecond *int `yaml:"history_per_second"`
}

// RTMRates are limits with the documented numbers where nothing else is said; 0 for none.
type RTMRates struct {
	PeerMessages, ChannelMessages, Events, History int
}

// Rates gives the limits as they count.
func (l RTMLimits) Rates() RTMRates {
	or := func(said *int, documented int) int {
		if said != nil {
			return *said
		}
		return documented
	}
	return RTMRates{
		PeerMessages:    or(l.PeerMessagesPerSecond, 500),
		ChannelMessages: or(l.ChannelMessagesPerSecond, 500),
		Events:          or(l.EventsPerSecond, 10),
		History:         or(l.HistoryPerSecond, 100),
	}
}
