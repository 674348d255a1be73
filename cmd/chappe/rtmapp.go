package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"text/tabwriter"

	"github.com/chappe-im/chappe/config"
	"github.com/chappe-im/chappe/server"
)

type rtmAppAdd struct {
	configFlag
	Namespace *string `placeholder:"NS" help:"What the Matrix names of the app's users begin with: a-z, 0-9 and ._=-/+ only. No app's may begin with another's, and it cannot be changed later. Left out: rtm_, the first 8 characters of the app_id and _."`
}

// Help is printed below the flags.
func (rtmAppAdd) Help() string {
	return `Nothing needs to be written into the configuration. The app is kept in rtm-apps.yaml in data_dir, beside those of rtm.apps; a backup of data_dir holds it. Run this as the user that the server runs as.

Accounts whose names begin with the namespace already become users of the app: choose one that no account begins with.`
}

// Run makes the app, and prints what programs need to use it.
func (c *rtmAppAdd) Run(out io.Writer) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	app, told, err := server.AddRTMApp(context.Background(), cfg, c.Namespace)
	if app.ID == "" {
		return err
	}
	// Also if the server could not be told: the secrets are shown this one time.
	fmt.Fprintf(out, "An RTM app is made, and kept in %s. This is the only time its secrets are shown.\n\n", cfg.KeptAppsFile())
	printSecrets(out, app, true, app.KeyNames())
	fmt.Fprintf(out, "namespace    %s\n             RTM user alice is @%salice:%s in Matrix.\n\n", shownNamespace(app), app.UserPrefix(), cfg.ServerName)
	printUse(out, cfg, app)
	printWhen(out, told, err)
	return err
}

// printUse prints how programs reach the app. The lines can be pasted.
func printUse(out io.Writer, cfg config.Config, app config.RTMApp) {
	base := clientURL(cfg)
	fmt.Fprintf(out, `A message by REST:

  curl -X POST '%[1]s/dev/v2/project/%[2]s/rtm/users/alice/peer_messages' -u '%[3]s:%[4]s' \
    -H 'Content-Type: application/json' \
    -d '{"destination":"bob","payload":"hello","enable_offline_messaging":true}'

anyRTC's web SDK (docs/RTM.md):

  const client = ArRTM.createInstance('%[2]s', { ConfPriCloudAddr: %[5]s })

`, base, app.ID, app.Keys[0].Key, app.Keys[0].Secret, privateCloud(base))
}

// clientURL is where programs reach the server, as far as the configuration tells.
func clientURL(cfg config.Config) string {
	if cfg.Client.BaseURL != "" {
		return cfg.Client.BaseURL
	}
	host, port, err := net.SplitHostPort(cfg.Client.Listen)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		return "http://" + net.JoinHostPort("127.0.0.1", port)
	}
	return "http://" + cfg.Client.Listen
}

// privateCloud writes the address of the server as the SDK is told it.
func privateCloud(base string) string {
	scheme, address, _ := strings.Cut(base, "://")
	address, _, _ = strings.Cut(address, "/")
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		host, port = address, map[string]string{"http": "80", "https": "443"}[scheme]
	}
	return fmt.Sprintf("{ ServerAdd: '%s', Port: %s, Wss: %t }", host, port, scheme == "https")
}

// printSecrets prints an app with its certificate, if it is new, and the new secrets.
func printSecrets(out io.Writer, app config.RTMApp, certificate bool, keys []string) {
	fmt.Fprintf(out, "app_id       %s\n", app.ID)
	if certificate {
		fmt.Fprintf(out, "certificate  %s\n", app.Certificate)
	}
	for _, key := range app.Keys {
		for _, name := range keys {
			if key.Key == name {
				fmt.Fprintf(out, "key          %s\nsecret       %s\n", key.Key, key.Secret)
				break
			}
		}
	}
}

// printWhen tells from when on a change is in effect, if that is known.
func printWhen(out io.Writer, told bool, err error) {
	switch {
	case err != nil:
	case told:
		fmt.Fprintln(out, "The server that runs has taken it: it can be used now.")
	default:
		fmt.Fprintln(out, "No server answers here: it can be used from the next start on.")
	}
}

func shownNamespace(app config.RTMApp) string {
	if prefix := app.UserPrefix(); prefix != "" {
		return prefix
	}
	return `""`
}

type rtmAppList struct {
	configFlag
}

// Run prints a line for each app.
func (c *rtmAppList) Run(out io.Writer) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "APP ID\tNAMESPACE\tCERTIFICATE\tKEYS\tFROM")
	for _, app := range cfg.RTM.Apps {
		keys := strings.Join(app.KeyNames(), ", ")
		if keys == "" {
			keys = "-"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", app.ID, shownNamespace(app), yesOrNo(app.Certificate != ""), keys, c.source(cfg, app))
	}
	return table.Flush()
}

// source is the file that an app stands in.
func (f configFlag) source(cfg config.Config, app config.RTMApp) string {
	switch {
	case app.Kept:
		return cfg.KeptAppsFile()
	case f.Config == "":
		return cfg.PlaygroundAppFile()
	default:
		return f.Config
	}
}

type rtmAppRotate struct {
	configFlag
	App         string   `required:"" placeholder:"APPID" help:"The app_id of an app that \"chappe rtm app add\" has made."`
	Certificate bool     `help:"Make a new certificate. All tokens of the app end: make new ones with it."`
	Key         []string `sep:"none" placeholder:"NAME" help:"Make a new secret for the key of this name. May be given several times."`
}

// Help is printed below the flags.
func (rtmAppRotate) Help() string {
	return `What is new is printed once. What it replaces is refused at once, or from the next start on if no server runs: so have the programs that use it ready. Apps of the configuration are changed there, by hand.

    chappe rtm app rotate --app APPID --certificate --key NAME`
}

// Run makes the new secrets and prints them.
func (c *rtmAppRotate) Run(out io.Writer) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	if !c.Certificate && len(c.Key) == 0 {
		return errors.New("say what is to be new: --certificate, --key NAME, or both")
	}
	app, err := findApp(cfg.RTM.Apps, c.App)
	if err != nil {
		return err
	}
	if !app.Kept {
		return fmt.Errorf("the app %s stands in %s, which no command changes: write its new certificate or secret there "+
			"(openssl rand -hex 16 makes one), and restart the server", app.ID, c.source(cfg, app))
	}
	app, told, err := server.RotateRTMApp(context.Background(), cfg, app.ID, c.Certificate, c.Key)
	if app.ID == "" {
		return err
	}
	fmt.Fprint(out, "What is new is shown this one time.\n\n")
	printSecrets(out, app, c.Certificate, c.Key)
	fmt.Fprintln(out)
	printWhen(out, told, err)
	return err
}
