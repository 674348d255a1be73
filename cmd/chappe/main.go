// Command chappe is the homeserver and what its operator needs beside it.
package main

import (
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"

	"github.com/chappe-im/chappe/config"
	"github.com/chappe-im/chappe/server"
)

// commands are the sub-commands; serve runs where none is named.
type commands struct {
	Serve       serve       `cmd:"" default:"withargs" help:"Run the homeserver (the default). Without --config it is a playground: loopback only, registration open, data in ./data."`
	CheckConfig checkConfig `cmd:"" help:"Read a configuration, report all its mistakes, and change nothing."`
	User        struct {
		Add           userAdd           `cmd:"" help:"Make an account. The password is read from standard input."`
		List          userList          `cmd:"" help:"List all accounts."`
		ResetPassword userResetPassword `cmd:"" help:"Give a user another password, read from standard input, and log all devices out."`
		Deactivate    userDeactivate    `cmd:"" help:"End an account for ever, with all that belongs to it. Nobody gets its name again."`
		LoginToken    userLoginToken    `cmd:"" help:"Print a token with which a user can log in once (login type m.login.token)."`
	} `cmd:"" help:"Manage accounts. All of it works while the server runs, too."`
	Token struct {
		Add    tokenAdd    `cmd:"" help:"Make a token with which strangers can register where registration is closed, and print it."`
		List   tokenList   `cmd:"" help:"List all registration tokens."`
		Remove tokenRemove `cmd:"" help:"End a registration token. The accounts made with it stay."`
	} `cmd:"" help:"Manage registration tokens. All of it works while the server runs, too."`
	RTM struct {
		App struct {
			Add    rtmAppAdd    `cmd:"" help:"Make an app with fresh secrets, and print them once."`
			List   rtmAppList   `cmd:"" help:"List all apps, without their secrets."`
			Rotate rtmAppRotate `cmd:"" help:"Give an app a new certificate, or a key of it a new secret. The old one is refused from then on."`
		} `cmd:"" help:"Manage RTM apps. All of it works while the server runs, too, and is in effect at once."`
		Token rtmToken `cmd:"" help:"Print a token with which a user of an RTM app can use the REST API."`
	} `cmd:"" name:"rtm" help:"Help with RTM apps."`
	Keys struct {
		Show   keysShow   `cmd:"" help:"Print the ID and the public half of the signing key, and of those it has replaced."`
		Rotate keysRotate `cmd:"" help:"Make a new signing key. Other servers are told that the old one is not to be used any more. Restart the server afterwards."`
	} `cmd:"" help:"Manage the server's signing key."`
	Federation federation       `cmd:"" help:"Find out how it stands with other servers: is it me or them?"`
	Demo       demoCommand      `cmd:"" help:"Start two homeservers on loopback, send messages across by both doors, print each hop, and end."`
	Version    kong.VersionFlag `help:"Print the version and exit."`
}

// configFlag is the flag of every command that works on a deployment.
type configFlag struct {
	Config string `type:"path" placeholder:"FILE" help:"The configuration, as config.yaml in the source shows it. Left out: the playground."`
}

// load reads the configuration, or makes the playground's.
func (f configFlag) load() (config.Config, error) {
	if f.Config == "" {
		return config.Playground("")
	}
	return config.Load(f.Config)
}

func main() {
	ctx := kong.Parse(&commands{},
		kong.Name("chappe"),
		kong.Description("A Matrix homeserver for signalling: small messages to devices, kept until confirmed, delivered once and in order."),
		kong.UsageOnError(),
		kong.BindTo(os.Stdout, (*io.Writer)(nil)),
		kong.Vars{"version": "chappe " + server.Version})
	if err := ctx.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "chappe:", err)
		os.Exit(1)
	}
}
