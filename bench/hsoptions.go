package main

import (
	"errors"
	"flag"
	"fmt"
	"slices"
)

// addHomeserver adds the flags of a run against a server that is there already.
func (o *options) addHomeserver(flags *flag.FlagSet) {
	flags.StringVar(&o.hs, "hs", "", fmt.Sprintf(
		"drive the Matrix homeserver at this URL instead, one of your own: local and latency, by default with -senders %d -receivers %d -for %v. It makes an account for each, and removes them afterwards",
		hsSenders, hsReceivers, hsMeasured))
	flags.StringVar(&o.accounts, "accounts", "",
		"with -hs: use the accounts in this file, which are left as they are, one on a line: user_id access_token device_id. What waits for the devices is fetched, and so is gone")
	flags.StringVar(&o.tokenFile, "registration-token-file", "",
		"with -hs: the file with the registration token, where that is needed; or "+registrationTokenEnv+" in the environment")
}

// settleHomeserver sets what was not named to what is modest for a server that may be in
// use, and refuses flags that have no meaning there.
func (o *options) settleHomeserver(flags *flag.FlagSet) error {
	named := make(map[string]bool)
	flags.Visit(func(f *flag.Flag) { named[f.Name] = true })
	if o.hs == "" {
		if named["hs"] || named["accounts"] || named["registration-token-file"] {
			return errors.New("-accounts and -registration-token-file: want -hs URL, too")
		}
		return nil
	}
	known := []string{"hs", "accounts", "registration-token-file", "scenario", "warmup", "for", "drain", "senders", "receivers", "size", "rate", "json"}
	for name := range named {
		if !slices.Contains(known, name) {
			return fmt.Errorf("-%s has no meaning with -hs", name)
		}
	}
	if !slices.Contains([]string{localScenario, latencyScenario, allScenarios}, o.scenario) {
		return fmt.Errorf("-scenario: with -hs it is %s, %s or %s", localScenario, latencyScenario, allScenarios)
	}
	if !named["senders"] {
		o.senders = hsSenders
	}
	if !named["receivers"] {
		o.receivers = hsReceivers
	}
	if !named["for"] {
		o.measured = hsMeasured
	}
	return nil
}
