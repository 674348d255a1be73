// Package config is what an operator can set: one struct, its defaults, and the
// checks that make every value usable. Past [Load] values are trusted, and each
// part of the program is given the few it needs.
//
// config.yaml at the top of the repository states every key with its meaning.
package config

import (
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"
)

// Config is a whole configuration. Relative paths in it are relative to the
// working directory of the process.
type Config struct {
	// ServerName is what stands behind the colon in the IDs of local users.
	ServerName spec.ServerName `yaml:"server_name"`
	// DataDir holds the database, the signing key and whatever else is generated.
	DataDir string `yaml:"data_dir"`
	// Database is empty: SQLite in DataDir. Nothing else is supported yet.
	Database     string       `yaml:"database"`
	Client       Client       `yaml:"client"`
	Federation   Federation   `yaml:"federation"`
	Registration Registration `yaml:"registration"`
	RateLimits   RateLimits   `yaml:"rate_limits"`
	Quotas       Quotas       `yaml:"quotas"`
	RTM          RTM          `yaml:"rtm"`
	TURN         TURN         `yaml:"turn"`
	Metrics      Metrics      `yaml:"metrics"`
	Log          Log          `yaml:"log"`
}

// Client is the door for Matrix clients and RTM.
type Client struct {
	// Listen is host:port. The protocol is plain HTTP.
	Listen string `yaml:"listen"`
	// BaseURL is where clients reach the server, without a trailing slash; "" where
	// that is not announced.
	BaseURL string `yaml:"base_url"`
	// TrustedProxies are addresses and networks whose X-Forwarded-For is believed.
	TrustedProxies []string `yaml:"trusted_proxies"`
}

// Federation is the door for other servers, and the way to them.
type Federation struct {
	// Listen is host:port; "" where no other server is to be listened to. The
	// protocol is HTTPS.
	Listen string `yaml:"listen"`
	// TLSCert and TLSKey are PEM files. Both are set or neither; where neither is,
	// the server makes a self-signed certificate.
	TLSCert string `yaml:"tls_cert"`
	TLSKey  string `yaml:"tls_key"`
	// VerifyCertificates of other servers.
	VerifyCertificates bool `yaml:"verify_certificates"`
	// CAFile is a PEM file of roots trusted besides those of the system; "" for none.
	CAFile string `yaml:"ca_file"`
	// AllowPrivateAddresses admits loopback and private ranges as destinations.
	AllowPrivateAddresses bool `yaml:"allow_private_addresses"`
	// Hosts gives servers a fixed host:port, before any discovery.
	Hosts map[spec.ServerName]string `yaml:"hosts"`
	// AllowServers and DenyServers are the patterns of todevice.NewServerRules: which
	// servers this one has to do with.
	AllowServers []string `yaml:"allow_servers"`
	DenyServers  []string `yaml:"deny_servers"`
	// Notaries are asked, in this order, for the keys of servers that give none.
	Notaries []spec.ServerName `yaml:"notaries"`
	// MaxBackoff is the longest time between two attempts to reach a server.
	MaxBackoff time.Duration `yaml:"max_backoff"`
	// GiveUpAfter is how long a message waits for another server at most; 0: for ever.
	GiveUpAfter time.Duration `yaml:"give_up_after"`
}

// Registration says who may make an account.
type Registration struct {
	// Open lets anyone register without asking.
	Open bool `yaml:"open"`
	// SharedSecret is the key of the shared-secret admin endpoint; "" turns that off.
	SharedSecret string `yaml:"shared_secret"`
}

// RateLimits bound what one client, or one other server, may ask for in a time. Those
// without a key of their own are constants of the packages they are in.
type RateLimits struct {
	Enabled bool `yaml:"enabled"`
	// SendsPerSecond and SendBurst bound the requests of one user that send messages,
	// in the long run and at once.
	SendsPerSecond int `yaml:"sends_per_second"`
	SendBurst      int `yaml:"send_burst"`
}

// Quotas bound what is kept.
type Quotas struct {
	// InboxMessages and InboxBytes are what may wait for one device.
	InboxMessages int   `yaml:"inbox_messages"`
	InboxBytes    int64 `yaml:"inbox_bytes"`
}

// Metrics is the Prometheus listener.
type Metrics struct {
	// Listen is host:port; "" turns the listener off.
	Listen string `yaml:"listen"`
}

// Log says what is logged to standard error, and how.
type Log struct {
	// Level is one of logrus's.
	Level string `yaml:"level"`
	// Format is "text" or "json".
	Format string `yaml:"format"`
}

// Default is the configuration of an empty file: safe, and on loopback only.
func Default() Config {
	return Config{
		ServerName: "localhost:8448",
		DataDir:    "./data",
		Client:     Client{Listen: "127.0.0.1:8008"},
		Federation: Federation{Listen: "127.0.0.1:8448", VerifyCertificates: true, MaxBackoff: time.Hour},
		RateLimits: RateLimits{Enabled: true, SendsPerSecond: 100, SendBurst: 1000},
		Quotas:     Quotas{InboxMessages: 100_000, InboxBytes: 256 << 20},
		RTM:        RTM{History: RTMHistory{Keep: 7 * 24 * time.Hour, MaxBytes: 2 << 30}},
		TURN:       TURN{Lifetime: 24 * time.Hour},
		Log:        Log{Level: "info", Format: "text"},
	}
}
