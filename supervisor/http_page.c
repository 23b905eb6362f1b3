/*
 * GET /: the status page. It holds no data, so anybody may load it; it asks
 * the other routes, with the token if they need one. Its one style sheet and
 * one script carry a nonce, and the policy lets nothing else run or load.
 */
#include "config.h"

#include "supervisor/http_ask.h"

#include <stdio.h>
#include <string.h>

#include <event2/util.h>

#define NONCE_MARK "@NONCE@"

static void
make_nonce(char out[33])
{
	unsigned char raw[16];
	size_t i;

	evutil_secure_rng_get_bytes(raw, sizeof(raw));
	for (i = 0; i < sizeof(raw); i++)
		(void)snprintf(out + 2 * i, 3, "%02x", raw[i]);
}

void
page_show(struct ask *a)
{
	const char *p = page_text, *mark;
	char nonce[33], policy[256];
	struct buf b;

	make_nonce(nonce);
	buf_init(&b, 1u << 20);
	while ((mark = strstr(p, NONCE_MARK)) != NULL) {
		(void)buf_put(&b, p, (size_t)(mark - p));
		(void)buf_puts(&b, nonce);
		p = mark + sizeof(NONCE_MARK) - 1;
	}
	(void)buf_puts(&b, p);
	(void)snprintf(policy, sizeof(policy), "default-src 'none'; "
	    "script-src 'nonce-%s'; style-src 'nonce-%s'; "
	    "connect-src 'self'; img-src data:; base-uri 'none'; "
	    "form-action 'none'; frame-ancestors 'none'", nonce, nonce);
	ask_header(a, "Content-Security-Policy", policy);
	ask_header(a, "Referrer-Policy", "no-referrer");
	ask_reply(a, 200, "text/html; charset=utf-8", &b);
	buf_fini(&b);
}
