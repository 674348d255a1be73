// Does with the SDK what a test asks for, and tells it what came of that, every event,
// and every frame's name. Each client has a copy of the SDK to itself: the clients of one
// copy share the address of their server.

const events = {
    client: [
        "ConnectionStateChanged", "MessageFromPeer", "PeersOnlineStatusChanged", "RemoteInvitationReceived",
        "TokenWillExpired", "TokenDidExpired",
    ],
    createChannel: ["ChannelMessage", "MemberJoined", "MemberLeft", "MemberCountUpdated", "AttributesUpdated"],
    createLocalInvitation: [
        "LocalInvitationReceivedByPeer", "LocalInvitationAccepted", "LocalInvitationRefused",
        "LocalInvitationCanceled", "LocalInvitationFailure",
    ],
    remoteInvitation: [
        "RemoteInvitationAccepted", "RemoteInvitationRefused", "RemoteInvitationCanceled", "RemoteInvitationFailure",
    ],
};

// drive returns once the test is over. The test is at the URL base; sdk is the text of the
// SDK as it was published.
export async function drive(base, sdk) {
    const tell = teller(base);
    const objects = new Map(); // clients, channels and invitations, by the test's name for them

    function keep(name, object, kind) {
        objects.set(name, object);
        for (const event of events[kind]) {
            object.on(event, (...args) => {
                if (event === "RemoteInvitationReceived") {
                    const invitation = args[0];
                    keep(name + "/invited", invitation, "remoteInvitation");
                    args = [{ callerId: invitation.callerId, content: invitation.content }];
                }
                tell({ object: name, event, args });
            });
        }
    }

    const orders = {
        create({ object, args: [appId, server, agent] }) {
            const Socket = watched((frame) => tell({ object, event: frame, args: [] }));
            const client = load(sdk, Socket, agent).createInstance(appId, { logFilter: 4, confPriCloudAddr: server });
            keep(object, client, "client");
        },
        async call({ object, method, args, as }) {
            const made = await objects.get(object)[method](...args);
            if (!as) {
                return made;
            }
            keep(as, made, method);
        },
        set({ object, method, args }) {
            objects.get(object)[method] = args[0];
        },
    };

    async function obey(order) {
        try {
            tell({ id: order.id, value: await orders[order.do](order) });
        } catch (error) {
            tell({ id: order.id, error: described(error) });
        }
    }

    stray((error) => tell({ stray: String(error?.stack ?? error) }));
    for (;;) {
        const list = await (await fetch(base + "/orders")).json();
        if (list === null) {
            return;
        }
        list.forEach(obey);
    }
}

// load makes a copy of the SDK, as a module loader does, that has these sockets.
function load(sdk, Socket, agent) {
    const module = { exports: {} };
    const system = agent ? { userAgent: agent } : navigator;
    new Function("module", "exports", "WebSocket", "navigator", sdk)(module, module.exports, Socket, system);
    return module.exports.default ?? module.exports;
}

// watched is a WebSocket that tells of the frames that go through it.
function watched(seen) {
    return class extends WebSocket {
        constructor(url) {
            super(url);
            this.addEventListener("message", ({ data }) => seen("got " + JSON.parse(data).Cmd));
        }
        send(text) {
            seen("sent " + JSON.parse(text).Cmd);
            super.send(text);
        }
    };
}

// teller gives a function that tells the test something, in the order of its calls.
function teller(base) {
    const queue = [];
    let telling = false;
    return async (news) => {
        queue.push(news);
        if (telling) {
            return;
        }
        telling = true;
        while (queue.length > 0) {
            await fetch(base + "/told", { method: "POST", body: JSON.stringify(queue.splice(0)) });
        }
        telling = false;
    };
}

// described says what a promise was rejected with: some are bare numbers.
function described(error) {
    if (typeof error === "number") {
        return { code: error, bare: true };
    }
    return { code: Number(error?.code ?? 0), text: String(error) };
}

// stray hands on what the SDK throws where nobody can catch it.
function stray(report) {
    if (typeof process === "object") {
        process.on("unhandledRejection", report);
        process.on("uncaughtException", report);
        return;
    }
    addEventListener("unhandledrejection", (event) => report(event.reason));
    addEventListener("error", (event) => report(event.error ?? event.message));
}
