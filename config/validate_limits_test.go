package config

import "testing"

func TestLimitsOfAnAppAreTheDocumentedOnesUnlessSaidOtherwise(t *testing.T) {
	if got, want := (RTMLimits{}).Rates(), (RTMRates{PeerMessages: 500, ChannelMessages: 500, Events: 10, History: 100}); got != want {
		t.Errorf("left out, they are %+v, want %+v", got, want)
	}
	said := RTMLimits{PeerMessagesPerSecond: number(1), ChannelMessagesPerSecond: number(2), EventsPerSecond: number(0), HistoryPerSecond: number(4)}
	if got, want := said.Rates(), (RTMRates{PeerMessages: 1, ChannelMessages: 2, History: 4}); got != want {
		t.Errorf("said, they are %+v, want %+v", got, want)
	}
}

func number(n int) *int { return &n }
