package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/chappe-im/chappe/server"
)

type userAdd struct {
	configFlag
	Name  string `arg:"" help:"The name before the colon: a-z, 0-9 and ._=-/+ only."`
	Admin bool   `help:"Make the user an administrator."`
}

// Run makes the account.
func (c *userAdd) Run() error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	password, err := readPassword(os.Stdin, os.Stderr)
	if err != nil {
		return err
	}
	id, err := server.CreateUser(context.Background(), cfg, newLog(cfg.Log), c.Name, password, c.Admin)
	if err != nil {
		return err
	}
	fmt.Println("made", id)
	return nil
}

// readPassword reads a password without showing it, or the first line of what is
// piped in.
func readPassword(in *os.File, prompt io.Writer) (string, error) {
	if term.IsTerminal(int(in.Fd())) {
		fmt.Fprint(prompt, "Password: ")
		password, err := term.ReadPassword(int(in.Fd()))
		fmt.Fprintln(prompt)
		return string(password), err
	}
	line, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	password := strings.TrimRight(line, "\r\n")
	if password == "" {
		return "", errors.New("no password was given on standard input")
	}
	return password, nil
}
