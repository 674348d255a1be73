package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/chappe-im/chappe/server"
	"github.com/chappe-im/chappe/todevice"
)

type tokenAdd struct {
	configFlag
	Uses    int           `help:"How many accounts may be made with it. Left out: any number."`
	Expires time.Duration `help:"How long it can be used, as in 24h. Left out: for ever."`
	Token   string        `arg:"" optional:"" help:"The token: up to 64 of A-Z, a-z, 0-9 and ._~-. Left out: one that nobody can guess."`
}

// Run makes the token and prints it.
func (c *tokenAdd) Run(out io.Writer) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	if c.Uses < 0 || c.Expires < 0 {
		return errors.New("--uses and --expires must be more than 0")
	}
	r := todevice.RegistrationToken{Token: c.Token, Uses: c.Uses}
	if c.Expires > 0 {
		r.Expires = time.Now().Add(c.Expires)
	}
	token, err := server.AddRegistrationToken(context.Background(), cfg, newLog(cfg.Log), r)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, token)
	return nil
}

type tokenList struct {
	configFlag
}

// Run prints a line for each token.
func (c *tokenList) Run(out io.Writer) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	tokens, err := server.RegistrationTokens(context.Background(), cfg)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "TOKEN\tUSED\tOF\tEXPIRES\tSTATE")
	for _, r := range tokens {
		uses := "any"
		if r.Uses > 0 {
			uses = fmt.Sprint(r.Uses)
		}
		fmt.Fprintf(table, "%s\t%d\t%s\t%s\t%s\n", r.Token, r.Used, uses, date(r.Expires, "never"), tokenState(r, time.Now()))
	}
	return table.Flush()
}

func tokenState(r todevice.RegistrationToken, now time.Time) string {
	switch {
	case r.Uses > 0 && r.Used >= r.Uses:
		return "used up"
	case !r.Expires.IsZero() && !now.Before(r.Expires):
		return "expired"
	default:
		return "valid"
	}
}

type tokenRemove struct {
	configFlag
	Token string `arg:"" help:"The token."`
}

// Run removes the token.
func (c *tokenRemove) Run(out io.Writer) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	if err := server.RemoveRegistrationToken(context.Background(), cfg, c.Token); err != nil {
		return err
	}
	fmt.Fprintln(out, "removed", c.Token)
	return nil
}
