/* Two libnice agents that may only talk through a relay: gather, check, send both ways, say what happened.
 * Arguments: dialect relay-address port username password seconds transport; username and password as libnice wants
 * them. Prints one word per event; ends with "carried N of N" and exit code 0 when everything came as it was sent. */
#include <agent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGES 40
#define LARGEST 1200

typedef struct Side {
  NiceAgent *agent;
  struct Side *other;
  guint stream;
  gboolean gathered, ready;
  int sent, received, wrong;
  const char *name;
} Side;

static GMainLoop *loop;
static Side sides[2];

static size_t fill(char *data, int who, int number) {
  size_t size = 1 + (size_t)(number * 37 % LARGEST);
  for (size_t i = 0; i < size; i++)
    data[i] = (char)(who * 101 + number * 7 + (int)i * 13);
  return size;
}

static int who(Side *side) { return side == &sides[0] ? 0 : 1; }

static void on_data(NiceAgent *agent, guint stream, guint component, guint len, gchar *buf, gpointer data) {
  Side *side = data;
  char wanted[LARGEST + 1];
  for (int number = 0; number < MESSAGES; number++) {
    size_t size = fill(wanted, who(side->other), number);
    if (size == len && memcmp(wanted, buf, len) == 0) {
      side->received++;
      if (sides[0].received >= MESSAGES && sides[1].received >= MESSAGES)
        g_main_loop_quit(loop);
      return;
    }
  }
  side->wrong++;
  printf("wrong %s %u\n", side->name, len);
}

static gboolean send_some(gpointer unused) {
  for (int i = 0; i < 2; i++) {
    Side *side = &sides[i];
    char data[LARGEST + 1];
    if (!sides[0].ready || !sides[1].ready || side->sent >= MESSAGES)
      continue;
    size_t size = fill(data, i, side->sent);
    if (nice_agent_send(side->agent, side->stream, 1, (guint)size, data) == (gint)size)
      side->sent++;
  }
  return TRUE;
}

static void exchange(Side *from, Side *to) {
  gchar *user = NULL, *password = NULL;
  nice_agent_get_local_credentials(from->agent, from->stream, &user, &password);
  nice_agent_set_remote_credentials(to->agent, to->stream, user, password);
  GSList *candidates = nice_agent_get_local_candidates(from->agent, from->stream, 1);
  for (GSList *item = candidates; item; item = item->next) {
    NiceCandidate *candidate = item->data;
    char address[INET6_ADDRSTRLEN];
    nice_address_to_string(&candidate->addr, address);
    printf("candidate %s type %d %s %u\n", from->name, candidate->type, address, nice_address_get_port(&candidate->addr));
  }
  if (!candidates)
    printf("nothing gathered by %s\n", from->name);
  nice_agent_set_remote_candidates(to->agent, to->stream, 1, candidates);
  g_slist_free_full(candidates, (GDestroyNotify)nice_candidate_free);
  g_free(user);
  g_free(password);
}

static void on_gathered(NiceAgent *agent, guint stream, gpointer data) {
  Side *side = data;
  side->gathered = TRUE;
  if (side->other->gathered) {
    exchange(&sides[0], &sides[1]);
    exchange(&sides[1], &sides[0]);
  }
}

static void on_state(NiceAgent *agent, guint stream, guint component, guint state, gpointer data) {
  Side *side = data;
  printf("state %s %s\n", side->name, nice_component_state_to_string(state));
  side->ready = state == NICE_COMPONENT_STATE_READY;
  if (state == NICE_COMPONENT_STATE_FAILED)
    g_main_loop_quit(loop);
}

static gboolean too_late(gpointer unused) {
  printf("too late\n");
  g_main_loop_quit(loop);
  return FALSE;
}

int main(int argc, char **argv) {
  static const struct { const char *name; NiceCompatibility value; } dialects[] = {
      {"rfc5245", NICE_COMPATIBILITY_RFC5245}, {"msn", NICE_COMPATIBILITY_MSN},
      {"wlm2009", NICE_COMPATIBILITY_WLM2009}, {"oc2007", NICE_COMPATIBILITY_OC2007},
      {"oc2007r2", NICE_COMPATIBILITY_OC2007R2}};
  NiceCompatibility compatibility = NICE_COMPATIBILITY_RFC5245;
  if (argc != 9)
    return 2;
  for (size_t i = 0; i < G_N_ELEMENTS(dialects); i++)
    if (strcmp(argv[1], dialects[i].name) == 0)
      compatibility = dialects[i].value;
  NiceRelayType type = strcmp(argv[7], "tls") == 0   ? NICE_RELAY_TYPE_TURN_TLS
                       : strcmp(argv[7], "tcp") == 0 ? NICE_RELAY_TYPE_TURN_TCP
                                                     : NICE_RELAY_TYPE_TURN_UDP;
  setvbuf(stdout, NULL, _IOLBF, 0);
  loop = g_main_loop_new(NULL, FALSE);
  for (int i = 0; i < 2; i++) {
    Side *side = &sides[i];
    NiceAddress here;
    side->name = i ? "two" : "one";
    side->other = &sides[1 - i];
    side->agent = nice_agent_new(g_main_loop_get_context(loop), compatibility);
    g_object_set(side->agent, "controlling-mode", i == 0, "force-relay", TRUE, "upnp", FALSE, NULL);
    if (type != NICE_RELAY_TYPE_TURN_UDP)
      g_object_set(side->agent, "ice-udp", TRUE, "ice-tcp", TRUE, NULL);
    nice_address_init(&here);
    nice_address_set_from_string(&here, argv[8]);
    nice_agent_add_local_address(side->agent, &here);
    side->stream = nice_agent_add_stream(side->agent, 1);
    g_signal_connect(side->agent, "candidate-gathering-done", G_CALLBACK(on_gathered), side);
    g_signal_connect(side->agent, "component-state-changed", G_CALLBACK(on_state), side);
    nice_agent_attach_recv(side->agent, side->stream, 1, g_main_loop_get_context(loop), on_data, side);
    nice_agent_set_relay_info(side->agent, side->stream, 1, argv[2], (guint)atoi(argv[3]), argv[4], argv[5], type);
  }
  for (int i = 0; i < 2; i++)
    if (!nice_agent_gather_candidates(sides[i].agent, sides[i].stream))
      printf("%s cannot gather\n", sides[i].name);
  g_timeout_add(20, send_some, NULL);
  g_timeout_add_seconds((guint)atoi(argv[6]), too_late, NULL);
  g_main_loop_run(loop);
  printf("carried %d of %d\n", sides[0].received + sides[1].received, 2 * MESSAGES);
  for (int i = 0; i < 2; i++)
    g_object_unref(sides[i].agent);
  while (g_main_context_iteration(NULL, FALSE))
    ;
  return sides[0].received == MESSAGES && sides[1].received == MESSAGES && !sides[0].wrong && !sides[1].wrong ? 0 : 1;
}
