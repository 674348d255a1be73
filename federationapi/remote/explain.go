package remote

import "strings"

// A Side is where a fault lies, as far as can be told from here.
type Side string

// The sides.
const (
	Us     Side = "us"
	Them   Side = "them"
	Either Side = "either"
)

// An Explanation says for a person what an error means.
type Explanation struct {
	Side Side
	// Cause and Advice are whole sentences: what has happened, and what to do.
	Cause, Advice string
}

// Explain explains why another server could not be reached, or what it answered.
// The reason is the text of an error, as it may have been stored.
func Explain(reason string) Explanation {
	for _, known := range explanations() {
		if containsAll(reason, known.words) {
			return known.Explanation
		}
	}
	return Explanation{Either, "This fault is not one of those known here.",
		"Look at the text of the error, and into the logs of both servers."}
}

func containsAll(text string, words []string) bool {
	for _, word := range words {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

type explained struct {
	words []string
	Explanation
}

// on begins an explanation for the errors that have all these words in them.
func on(words ...string) explained { return explained{words: words} }

func (e explained) is(side Side, cause, advice string) explained {
	e.Explanation = Explanation{side, cause, advice}
	return e
}

// explanations holds, for words of an error, what they mean; the first that fits
// counts. Most are words of Go's own packages.
func explanations() []explained {
	return append(answersExplained(), faultsExplained()...)
}

// answersExplained is for servers that answer, but not as is wished.
func answersExplained() []explained {
	return []explained{
		on("HTTP 400").is(Them, "They say that there is something wrong in what they were sent.",
			"The queue finds out which message it is and puts that one aside. If it goes on, their log says what they dislike."),
		on("HTTP 401").is(Us, "They do not accept our signature. Mostly this means that they could not fetch our signing key.",
			"Check that our federation port can be reached from outside under our name (probe our own name), that the certificate there is trusted, that the clock is right, and that the signing key was not replaced."),
		on("HTTP 403").is(Them, "They know who we are and refuse us: we are on their deny list, or not on their allow list.",
			"Only their administrator can change that."),
		on("HTTP 404").is(Them, "What answers under their name does not know the address for federation.",
			"Their proxy does not pass /_matrix on to their server, or their well-known file or SRV record names the wrong place. Tell their administrator."),
		on("HTTP 413").is(Them, "They, or a proxy before them, take no request of this size.",
			"The queue makes smaller ones by itself. If it goes on, tell their administrator."),
		on("HTTP 429").is(Them, "They ask us to send more slowly.",
			"Nothing is to be done: the queue waits as long as they ask."),
		on("HTTP 3").is(Them, "What answers under their name redirects to somewhere else, which a server does not do.",
			"Their name leads to a web site instead of their server: their well-known file or SRV record is missing. Tell their administrator."),
		on("HTTP 502").is(Them, "A proxy answers for them, and cannot reach their server.", "Their server is down or being restarted. The queue tries again."),
		on("HTTP 503").is(Them, "They say that they are not available just now.", "The queue tries again."),
		on("HTTP 504").is(Them, "A proxy answers for them, and their server takes too long.", "Their server is overloaded or down. The queue tries again."),
		on("HTTP 5").is(Them, "Something has gone wrong inside their server.", "The queue tries again. If it goes on, tell their administrator."),
		on("HTTP ").is(Them, "They give an answer that does not belong to federation.", "Their name leads to something else than a Matrix server. Tell their administrator."),
		on("key object").is(Them, "The signing keys they publish are not right.", "Their server or a proxy gives out a wrong or an old answer. Tell their administrator."),
		on("another server than this one").is(Us, "Another server than this one answers under our name.",
			"Two servers have this name, or the signing key was replaced. Stop the wrong one, or put the right signing.key back."),
		on("answer is too long or broke off").is(Them, "Their answer does not end, or was cut off.", "A proxy before them may be at fault. Tell their administrator."),
	}
}

const (
	nothingBack = "Nothing comes back from their machine."
	tryAnother  = "It is down, or a firewall drops what we send. Try another server: if that works, it is theirs."
)

// faultsExplained is for servers that do not answer at all.
func faultsExplained() []explained {
	return []explained{
		on("denied by the configuration").is(Us, "Our own configuration has us keep away from this server.",
			"See federation.allow_servers and federation.deny_servers."),
		on("not the name of another server").is(Us, "This is not a server name, or it is our own.", "Check how it is written: a DNS name or an address, with a port or without."),
		on("private or reserved range").is(Either, "Their name leads to an address of a private network, to which no connection is made.",
			"If they are inside our network, set federation.allow_private_addresses, or give their address in federation.hosts. If they are not, their DNS is wrong."),
		on("no such host").is(Them, "DNS knows no address for the name their server is said to be at.",
			"Check how the name is written. If it is right, their DNS, well-known file or SRV record names a host that is not there."),
		on("SRV record says that there is no server").is(Them, "Their DNS says that there is no Matrix server under this name.", "Only their administrator can change that."),
		on("lookup ", "i/o timeout").is(Us, "DNS does not answer us.", "Check the resolver of this machine (/etc/resolv.conf) and that it may use port 53."),
		on("lookup ").is(Either, "DNS fails for this name.", "Look up another name: if that fails too, it is our resolver, if not, the DNS of theirs."),
		on("connection refused").is(Them, "Their machine is there, but nothing listens at the port.", "Their server is down, or listens elsewhere than their DNS or well-known file says."),
		on("network is unreachable").is(Us, "This machine has no route to their network.", "Check our own network; if their address is IPv6, whether we have IPv6 at all."),
		on("no route to host").is(Either, "Their machine cannot be reached.", "It is down, or a firewall is in between. Try another server: if that works, it is theirs."),
		on("has expired or is not yet valid").is(Them, "Their certificate has expired, or is not valid yet.", "They must renew it. Check our own clock, too."),
		on("certificate is valid for").is(Them, "Their certificate is for another name.", "They need one for the name after delegation; their proxy may be giving out the wrong one."),
		on("not valid for any names").is(Them, "Their certificate is for no name at all.", "They need one for the name after delegation."),
		on("cannot validate certificate for").is(Them, "Their certificate is not for the address that is their name.", "They need one for this address."),
		on("unknown authority").is(Them, "Nobody we trust vouches for their certificate.",
			"They need one of a public authority, and to send the whole chain. In a network with its own authority, name it in federation.ca_file."),
		on("x509:").is(Them, "Their certificate is not accepted.", "The text of the error says why. They must replace it."),
		on("does not look like a TLS handshake").is(Them, "What listens there does not speak TLS.", "Their port is that of something else, or their proxy is set up wrongly."),
		on("remote error: tls").is(Them, "They broke off the TLS handshake.", "Their proxy may not know the name, or speak only an old TLS. Tell their administrator."),
		on("connection reset").is(Them, "They, or a firewall, broke the connection off.", "The queue tries again. If it goes on, tell their administrator."),
		on("i/o timeout").is(Either, nothingBack, tryAnother),
		on("timed out").is(Either, nothingBack, tryAnother),
		on("deadline exceeded").is(Either, "They did not answer in time.",
			"Their server is overloaded, or something in between holds it back. Try another server: if that works, it is theirs."),
		on("EOF").is(Them, "They closed the connection without an answer.", "The queue tries again. If it goes on, tell their administrator."),
		on("tls:").is(Them, "No secure connection could be made with them.", "The text of the error says why."),
	}
}
