/* A model server without a model: as fast as a server can be, so that what is measured is the way
 * to it. One thread, epoll, HTTP/1.1 with keep-alive.
 *
 *     backend PORT
 *
 * What it answers is up to the request's `x-bench` header: absent, a small JSON document; `N R`,
 * a stream of N events, R a second (0: as fast as they are taken). Each event says when it was
 * written (CLOCK_MONOTONIC, nanoseconds), so that a reader on the same machine knows its age. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { LIMIT = 4096, HEAD = 16384, EVENTS = 256, FULL_SPEED_AHEAD = 65536 };

static const char SMALL[] =
    "{\"id\":\"bench\",\"object\":\"chat.completion\",\"choices\":[{\"index\":0,\"message\":"
    "{\"role\":\"assistant\",\"content\":\"Hello.\"},\"finish_reason\":\"stop\"}],\"usage\":"
    "{\"prompt_tokens\":9,\"completion_tokens\":2,\"total_tokens\":11}}";
static const char STREAM[] =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

typedef struct {
  int open, head_len, chunks_left, out_len, out_sent, waits_for_room;
  long body_left, period, due;
  char head[HEAD], out[2 * FULL_SPEED_AHEAD];
} Connection;

static Connection *connections[LIMIT];
static int poller, timer;

static long now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec * 1000000000L + at.tv_nsec;
}

static void close_connection(int fd) {
  connections[fd]->open = 0;
  close(fd);
}

static void put(Connection *c, const char *text, int size) {
  memcpy(c->out + c->out_len, text, size);
  c->out_len += size;
}

/* Write what waits; 0 when the connection is gone. */
static int flush(int fd) {
  Connection *c = connections[fd];
  while (c->out_sent < c->out_len) {
    ssize_t sent = write(fd, c->out + c->out_sent, c->out_len - c->out_sent);
    if (sent < 0) {
      if (errno != EAGAIN) return close_connection(fd), 0;
      break;
    }
    c->out_sent += sent;
  }
  int waits = c->out_sent < c->out_len;
  if (!waits) c->out_sent = c->out_len = 0;
  if (waits != c->waits_for_room) {
    struct epoll_event event = {EPOLLIN | (waits ? EPOLLOUT : 0), {.fd = fd}};
    epoll_ctl(poller, EPOLL_CTL_MOD, fd, &event);
    c->waits_for_room = waits;
  }
  return 1;
}

static void put_event(Connection *c) {
  char event[256], framed[300];
  int size = snprintf(event, sizeof event,
                      "data: {\"t\":%ld,\"object\":\"chat.completion.chunk\",\"choices\":"
                      "[{\"index\":0,\"delta\":{\"content\":\" word\"}}]}\n\n",
                      now());
  put(c, framed, snprintf(framed, sizeof framed, "%x\r\n%s\r\n", size, event));
  if (--c->chunks_left == 0) put(c, "0\r\n\r\n", 5);
}

/* Events that are due, or as many as are taken. */
static void advance(int fd) {
  Connection *c = connections[fd];
  if (c->period == 0) {
    while (c->chunks_left && c->out_len < FULL_SPEED_AHEAD) {
      put_event(c);
      if (c->out_len > 8192 && !flush(fd)) return;
      if (c->waits_for_room) return;
    }
  } else if (c->chunks_left && now() >= c->due && c->out_len < FULL_SPEED_AHEAD) {
    put_event(c);
    c->due += c->period;
  }
  flush(fd);
}

static void answer(int fd) {
  Connection *c = connections[fd];
  char *wanted = strcasestr(c->head, "\r\nx-bench:");
  char head[256];
  double rate = 0;
  c->head_len = 0;
  if (wanted && sscanf(wanted + 10, "%d %lf", &c->chunks_left, &rate) == 2 && c->chunks_left) {
    put(c, STREAM, sizeof STREAM - 1);
    c->period = rate > 0 ? (long)(1e9 / rate) : 0;
    c->due = now();
    advance(fd);
    return;
  }
  put(c, head, snprintf(head, sizeof head,
                        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                        "content-length: %zu\r\n\r\n", sizeof SMALL - 1));
  put(c, SMALL, sizeof SMALL - 1);
  flush(fd);
}

static void take(int fd) {
  static char bytes[1 << 18];
  Connection *c = connections[fd];
  for (;;) {
    ssize_t size = read(fd, bytes, sizeof bytes);
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0) return close_connection(fd);
    char *rest = bytes;
    if (c->body_left == 0) { /* requests come one at a time: no pipelining */
      int kept = size < HEAD - 1 - c->head_len ? size : HEAD - 1 - c->head_len;
      memcpy(c->head + c->head_len, bytes, kept);
      c->head[c->head_len + kept] = 0;
      char *end = strstr(c->head, "\r\n\r\n");
      if (!end) {
        c->head_len += kept;
        if (c->head_len >= HEAD - 1) return close_connection(fd);
        continue;
      }
      char *length = strcasestr(c->head, "\r\ncontent-length:");
      c->body_left = length && length < end ? atol(length + 17) : 0;
      int head_in_this_read = end + 4 - c->head - c->head_len;
      rest += head_in_this_read, size -= head_in_this_read;
      if (c->body_left == 0) {
        answer(fd);
        if (!c->open) return;
        continue;
      }
    }
    c->body_left -= size;
    if (c->body_left <= 0) {
      c->body_left = 0;
      answer(fd);
      if (!c->open) return;
    }
  }
}

static void meet(int listener) {
  int fd, on = 1;
  while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
    if (fd >= LIMIT) {
      close(fd);
      continue;
    }
    if (!connections[fd]) connections[fd] = malloc(sizeof(Connection));
    memset(connections[fd], 0, offsetof(Connection, head));
    connections[fd]->open = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct epoll_event event = {EPOLLIN, {.fd = fd}};
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
  }
}

static void keep_time(void) {
  long next = 0, at = now();
  for (int fd = 0; fd < LIMIT; fd++) {
    Connection *c = connections[fd];
    if (!c || !c->open || !c->chunks_left || !c->period) continue;
    if (c->due <= at) advance(fd);
    if (c->open && c->chunks_left && (!next || c->due < next)) next = c->due;
  }
  if (next && next <= at) next = at + 1;
  struct itimerspec when = {{0, 0}, {next / 1000000000L, next % 1000000000L}};
  timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL);
}

int main(int count, char **words) {
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  if (count < 2) return 2;
  address.sin_port = htons(atoi(words[1]));
  signal(SIGPIPE, SIG_IGN);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, (void *)&address, sizeof address) || listen(listener, 4096)) return 1;
  poller = epoll_create1(0);
  timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  struct epoll_event event = {EPOLLIN, {.fd = listener}};
  epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
  event.data.fd = timer;
  epoll_ctl(poller, EPOLL_CTL_ADD, timer, &event);
  for (;;) {
    struct epoll_event events[EVENTS];
    int found = epoll_wait(poller, events, EVENTS, -1), streams = 0;
    for (int i = 0; i < found; i++) {
      int fd = events[i].data.fd;
      if (fd == listener) {
        meet(listener);
      } else if (fd == timer) {
        long ticks;
        if (read(timer, &ticks, sizeof ticks) > 0) streams = 1;
      } else {
        if (events[i].events & EPOLLOUT && flush(fd) && !connections[fd]->waits_for_room)
          advance(fd);
        if (connections[fd]->open && events[i].events & ~EPOLLOUT) take(fd);
        streams |= connections[fd]->open && connections[fd]->period && connections[fd]->chunks_left;
      }
    }
    if (streams) keep_time();
  }
}
