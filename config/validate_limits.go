package config

import "fmt"

func (l RTMLimits) check(at string, found *mistakes) {
	const most = 1_000_000
	for _, limit := range []struct {
		name  string
		value *int
	}{
		{"peer_messages_per_second", l.PeerMessagesPerSecond},
		{"channel_messages_per_second", l.ChannelMessagesPerSecond},
		{"events_per_second", l.EventsPerSecond},
		{"history_per_second", l.HistoryPerSecond},
	} {
		if limit.value != nil && (*limit.value < 0 || *limit.value > most) {
			found.add(at+"."+limit.name, fmt.Sprintf("want a number from 1 to %d, or 0 for no limit", most))
		}
	}
}
