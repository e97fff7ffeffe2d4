/* A crowd of clients: each sends a request, reads the whole answer, and sends the next.
 *
 *     load PORT PATH MODEL CONNECTIONS SECONDS BODY_BYTES [EVENTS RATE]
 *
 * One thread, epoll. Prints one line of JSON; times in microseconds: of whole answers, until the
 * first byte of a body, and the age of events (see backend.c) when they are read. With a RATE the
 * clients begin spread over one event's time, as people do. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LIMIT = 4096, HEAD = 32768 };

typedef struct {
  int fd, head_len, chunked, in_head, reading_size, line_len;
  long left, sent, began, first, start_at;
  char head[HEAD], line[512];
} Client;

typedef struct {
  unsigned *times;
  long count, room;
} Series;

static Client *clients;
static char *request;
static long request_size, errors;
static int poller, port;
static Series whole, first, age;

static long now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec * 1000000000L + at.tv_nsec;
}

static void note(Series *series, long nanoseconds) {
  if (series->count == series->room) {
    series->room = series->room ? 2 * series->room : 65536;
    series->times = realloc(series->times, series->room * sizeof *series->times);
  }
  series->times[series->count++] = nanoseconds > 0 ? nanoseconds / 100 : 0;
}

static int smaller(const void *a, const void *b) {
  unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;
  return x < y ? -1 : x > y;
}

static double at(Series *series, double share) {
  return series->count ? series->times[(long)(share * (series->count - 1))] / 10.0 : -1;
}

static void send_more(Client *c) {
  while (c->sent < request_size) {
    ssize_t sent = send(c->fd, request + c->sent, request_size - c->sent,
                        MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) break;
    c->sent += sent;
  }
  struct epoll_event event = {EPOLLIN | (c->sent < request_size ? EPOLLOUT : 0),
                              {.u32 = c - clients}};
  if (request_size > 65536) epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &event);
}

static void begin(Client *c) {
  c->head_len = c->chunked = c->line_len = 0;
  c->sent = c->left = c->first = 0;
  c->in_head = 1;
  c->began = now();
  send_more(c);
}

static void join(Client *c) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port),
                                .sin_addr = {htonl(INADDR_LOOPBACK)}};
  int on = 1;
  c->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(c->fd, (void *)&address, sizeof address)) {
    errors++;
    close(c->fd);
    c->fd = -1;
    return;
  }
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  struct epoll_event event = {EPOLLIN, {.u32 = c - clients}};
  epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event);
  begin(c);
}

static void rejoin(Client *c) {
  errors++;
  close(c->fd);
  join(c);
}

/* Chunk sizes and events are read line by line: neither is ever longer than a line here. */
static int take_chunked(Client *c, char *bytes, ssize_t size, long came) {
  for (ssize_t i = 0; i < size; i++) {
    char byte = bytes[i];
    if (c->reading_size) {
      if (byte == '\n' && c->line_len) {
        c->line[c->line_len] = 0;
        c->left = strtol(c->line, NULL, 16);
        c->line_len = 0;
        c->reading_size = 0;
        if (c->left == 0) c->left = -2; /* the empty line after the last chunk */
      } else if (byte != '\r' && byte != '\n' && c->line_len < 500) {
        c->line[c->line_len++] = byte;
      }
    } else if (c->left < 0) {
      if (++c->left == 0) return 1;
    } else {
      if (!c->first) c->first = came;
      if (c->line_len < 500) c->line[c->line_len++] = byte;
      if (byte == '\n') {
        c->line[c->line_len] = 0;
        char *written = strncmp(c->line, "data: {\"t\":", 11) ? NULL : c->line + 11;
        if (written) note(&age, came - atol(written));
        c->line_len = 0;
      }
      if (--c->left == 0) c->reading_size = 1, c->line_len = 0;
    }
  }
  return 0;
}

/* 1 when the answer is whole, -1 when it is no answer. */
static int take(Client *c, char *bytes, ssize_t size) {
  long came = now();
  if (c->in_head) {
    int kept = size < HEAD - 1 - c->head_len ? size : HEAD - 1 - c->head_len;
    memcpy(c->head + c->head_len, bytes, kept);
    c->head[c->head_len + kept] = 0;
    char *end = strstr(c->head, "\r\n\r\n");
    if (!end) return c->head_len += kept, c->head_len >= HEAD - 1 ? -1 : 0;
    int in_this_read = end + 4 - c->head - c->head_len;
    if (strncmp(c->head + 9, "200", 3)) return -1;
    char *length = strcasestr(c->head, "\r\ncontent-length:");
    c->chunked = !length || length > end;
    c->left = c->chunked ? 0 : atol(length + 17);
    c->reading_size = c->chunked;
    c->in_head = 0;
    bytes += in_this_read, size -= in_this_read;
  }
  if (c->chunked) return take_chunked(c, bytes, size, came);
  if (size && !c->first) c->first = came;
  c->left -= size;
  return c->left <= 0;
}

static void readable(Client *c, long deadline) {
  static char bytes[1 << 18];
  ssize_t size = recv(c->fd, bytes, sizeof bytes, MSG_DONTWAIT);
  if (size < 0 && errno == EAGAIN) return;
  int state = size <= 0 ? -1 : take(c, bytes, size);
  if (state < 0) return rejoin(c);
  if (state == 0) return;
  note(&whole, now() - c->began);
  note(&first, c->first - c->began);
  if (now() < deadline) begin(c);
}

static void make_request(char **words, int streamed) {
  long size = atol(words[6]);
  char opening[256], bench[64] = "";
  int opened = snprintf(opening, sizeof opening,
                        "{\"model\":\"%s\",\"stream\":%s,\"messages\":[{\"role\":\"user\","
                        "\"content\":\"", words[3], streamed ? "true" : "false");
  const char closing[] = "\"}]}";
  if (size < opened + (long)sizeof closing - 1) size = opened + sizeof closing - 1;
  if (streamed) snprintf(bench, sizeof bench, "x-bench: %s %s\r\n", words[7], words[8]);
  request = malloc(size + 1024);
  int head = snprintf(request, 1024,
                      "POST %s HTTP/1.1\r\nhost: 127.0.0.1:%d\r\ncontent-type: application/json"
                      "\r\nauthorization: Bearer sk-bench\r\n%scontent-length: %ld\r\n\r\n",
                      words[2], port, bench, size);
  memcpy(request + head, opening, opened);
  memset(request + head + opened, 'a', size - opened);
  memcpy(request + head + size - (sizeof closing - 1), closing, sizeof closing - 1);
  request_size = head + size;
}

static void report(const char *name, Series *series) {
  qsort(series->times, series->count, sizeof *series->times, smaller);
  printf("\"%s\":{\"count\":%ld,\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f},", name, series->count,
         at(series, 0.5), at(series, 0.9), at(series, 0.99));
}

int main(int count, char **words) {
  if (count < 7) return 2;
  int crowd = atoi(words[4]), streamed = count > 8, started = 0;
  double rate = streamed ? atof(words[8]) : 0, seconds = atof(words[5]);
  port = atoi(words[1]);
  make_request(words, streamed);
  clients = calloc(crowd, sizeof *clients);
  poller = epoll_create1(0);
  long start = now(), deadline = start + (long)(seconds * 1e9);
  for (int i = 0; i < crowd; i++)
    clients[i].start_at = start + (rate > 0 ? (long)(1e9 / rate * i / crowd) : 0);
  /* A stream that has begun is read to its end, but for a second at most. */
  while (now() < deadline + (streamed ? 1000000000L : 0)) {
    while (started < crowd && clients[started].start_at <= now()) join(&clients[started++]);
    struct epoll_event events[256];
    int found = epoll_wait(poller, events, 256, started < crowd ? 0 : 10);
    for (int i = 0; i < found; i++) {
      Client *c = &clients[events[i].data.u32];
      if (events[i].events & EPOLLOUT) send_more(c);
      if (events[i].events & ~EPOLLOUT) readable(c, deadline);
    }
    if (!streamed && now() >= deadline) break;
  }
  printf("{\"seconds\":%.3f,\"errors\":%ld,", (now() - start) / 1e9, errors);
  report("whole", &whole), report("first", &first), report("age", &age);
  printf("\"bytes\":%ld}\n", request_size);
}
