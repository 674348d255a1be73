// What the SDK uses of XMLHttpRequest, by way of fetch.
export class XMLHttpRequest {
    readyState = 0;
    status = 0;
    responseText = "";

    open(method, url) {
        this.method = method;
        this.url = url;
    }

    async send(body) {
        try {
            const answer = await fetch(this.url, { method: this.method, body });
            this.responseText = await answer.text();
            this.status = answer.status;
        } catch {
            this.status = 0;
        }
        this.readyState = 4;
        this.onreadystatechange?.();
        if (this.status === 0) {
            this.onerror?.();
        }
    }
}
