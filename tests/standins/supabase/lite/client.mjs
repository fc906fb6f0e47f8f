// What an application does with supabase-js, against the address and key that it is given. Prints what came back.
import { createClient } from "@supabase/supabase-js";
import ws from "ws";

const [url, key] = process.argv.slice(2);
const db = createClient(url, key, { auth: { persistSession: false }, realtime: { transport: ws } });
const NORTH = "00000000-0000-4000-8000-000000000001";

async function data(query) {
  const { data, error } = await query;
  if (error) {
    throw new Error(JSON.stringify(error));
  }
  return data;
}

const claim = () => db.rpc("claim_jobs_for_followup", { p_tenant_id: NORTH, p_batch_size: 5 });
const seen = {};
seen.rpc = (await data(claim())).map((job) => job.job_id);
seen.again = await data(claim());
seen.single = await data(db.from("jobs").select("id, customers(first_name)").eq("id", 32).single());
seen.maybeSingle = await data(db.from("jobs").select("id").eq("id", 99).maybeSingle());
seen.noRow = (await db.from("jobs").select("id").eq("id", 99).single()).error.code;
seen.count = (await db.from("jobs").select("*", { count: "exact", head: true }).eq("status", "completed")).count;
const event = { source: "test", event_type: "x", metadata: { n: 1 } };
seen.inserted = await data(db.from("system_events").insert(event).select("source, metadata").single());
const customer = { tenant_id: NORTH, phone_number: "+12125550132", first_name: "Bea" };
const conflict = { onConflict: "tenant_id,phone_number" };
seen.upserted = await data(db.from("customers").upsert(customer, conflict).select("id, first_name"));
const cancelled = db.from("jobs").update({ status: "cancelled" }).in("id", [33]).is("completed_at", null);
seen.updated = await data(cancelled.select("id, status"));
seen.deleted = await data(db.from("system_events").delete().eq("source", "test"));
const late = "status.eq.cancelled,and(status.eq.completed,completed_at.lt.2026-10-15T00:00:00Z)";
seen.or = (await data(db.from("jobs").select("id").or(late).order("id"))).map((job) => job.id);
seen.json = (await data(db.from("tenants").select("slug").eq("workflow_config->>key", "v"))).map((row) => row.slug);
seen.error = (await db.from("nope").select("id")).error.code;
console.log(JSON.stringify(seen));
