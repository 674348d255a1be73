package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/chappe-im/chappe/server"
)

// maxLoginToken bounds how long a login token may wait to be used.
const maxLoginToken = 24 * time.Hour

type userList struct {
	configFlag
}

// Run prints a line for each account.
func (c *userList) Run(out io.Writer) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	users, err := server.Users(context.Background(), cfg)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tADMIN\tDEACTIVATED\tDEVICES\tCREATED")
	for _, u := range users {
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\n", u.Localpart, yesOrNo(u.Admin), date(u.Deactivated, "no"), u.Devices, date(u.Created, "-"))
	}
	return table.Flush()
}

func yesOrNo(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}

// date writes a time, and other words where there is none.
func date(at time.Time, none string) string {
	if at.IsZero() {
		return none
	}
	return at.UTC().Format(time.RFC3339)
}

type userDeactivate struct {
	configFlag
	Name string `arg:"" help:"The name before the colon, or the whole user ID."`
}

// Run deactivates the account.
func (c *userDeactivate) Run(out io.Writer) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	if err := server.DeactivateUser(context.Background(), cfg, newLog(cfg.Log), c.Name); err != nil {
		return err
	}
	fmt.Fprintln(out, "deactivated", c.Name)
	return nil
}

type userResetPassword struct {
	configFlag
	Name string `arg:"" help:"The name before the colon, or the whole user ID."`
}

// Run sets the password.
func (c *userResetPassword) Run(out io.Writer) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	password, err := readPassword(os.Stdin, os.Stderr)
	if err != nil {
		return err
	}
	if err := server.ResetPassword(context.Background(), cfg, newLog(cfg.Log), c.Name, password); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s has the new password, and is logged out everywhere\n", c.Name)
	return nil
}

type userLoginToken struct {
	configFlag
	Name string        `arg:"" help:"The name before the colon, or the whole user ID."`
	TTL  time.Duration `name:"ttl" default:"5m" help:"How long the token can be used, at most a day."`
}

// Run prints the token.
func (c *userLoginToken) Run(out io.Writer) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	if c.TTL <= 0 || c.TTL > maxLoginToken {
		return fmt.Errorf("--ttl must be more than 0 and at most %s", maxLoginToken)
	}
	token, err := server.LoginToken(context.Background(), cfg, newLog(cfg.Log), c.Name, c.TTL)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, token)
	return nil
}
